package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// The example of -h is a file that is taken.
func TestUsersExample(t *testing.T) {
	users, err := parseUsers([]byte(aclExample))
	require.NoError(t, err)
	require.Equal(t, []embedded.User{
		{AccessKey: "admin", SecretKey: "...", Superuser: true},
		{AccessKey: "shop", SecretKey: "...", Publish: []string{"orders", "receipts"}},
	}, users)
}

// A file that is not understood is refused, and the error has none of its secrets.
func TestBadUsers(t *testing.T) {
	for text, says := range map[string]string{
		``:              "EOF",
		`{}`:            "no users",
		`{"users": []}`: "no users",
		`[]`:            "is no",
		`{"users": [{"accessKey": "a", "secretKey": 271828}]}`:                     "users.secretKey is no string",
		`{"users": [{"accessKey": "a", "secretKey": "271828", "admin": true}]}`:    `unknown field "admin"`,
		`{"users": [{"accessKey": "a", "secretKey": "271828", "superuser": "x"}]}`: "users.superuser is no bool",
		`{"users": [{"accessKey": "a", "secretKey": "271828"}]} {"users": []}`:     "something follows",
		`{"users": [{"accessKey": "a", "secretKey": "271828"}]`:                    "unexpected EOF",
	} {
		_, err := parseUsers([]byte(text))
		require.ErrorContains(t, err, says, text)
		require.NotContains(t, err.Error(), "271828")
	}
}

func FuzzUsers(f *testing.F) {
	f.Add([]byte(aclExample))
	f.Add([]byte(`{"users":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		users, err := parseUsers(text)
		require.Equal(t, err == nil, len(users) > 0)
	})
}
