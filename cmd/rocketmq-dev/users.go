package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// aclExample is a file for -acl.
const aclExample = `{"users": [
  {"accessKey": "admin", "secretKey": "...", "superuser": true},
  {"accessKey": "shop", "secretKey": "...", "publish": ["orders", "receipts"]}
]}`

// usersFile is a file for -acl.
type usersFile struct {
	Users []struct {
		AccessKey string   `json:"accessKey"`
		SecretKey string   `json:"secretKey"`
		Publish   []string `json:"publish"`
		Superuser bool     `json:"superuser"`
		Disabled  bool     `json:"disabled"`
	} `json:"users"`
}

// readUsers reads a file for -acl.
func readUsers(path string) ([]embedded.User, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	users, err := parseUsers(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return users, nil
}

// parseUsers refuses fields that it does not know: a misspelt one would let somebody in, or
// nobody. Its errors have no secrets.
func parseUsers(text []byte) ([]embedded.User, error) {
	var file usersFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&file)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) { // it has the value, which may be a secret
		return nil, fmt.Errorf("%s is no %s", wrong.Field, wrong.Type)
	}
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	if len(file.Users) == 0 {
		return nil, errors.New("no users")
	}
	var users []embedded.User
	for _, u := range file.Users {
		users = append(users, embedded.User{
			AccessKey: u.AccessKey, SecretKey: u.SecretKey, Publish: u.Publish, Superuser: u.Superuser, Disabled: u.Disabled,
		})
	}
	return users, nil
}
