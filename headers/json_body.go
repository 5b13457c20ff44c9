package headers

import (
	"encoding/json"
	"fmt"
)

// encodeBody writes a body in JSON.
func encodeBody[T any](what string, data T) ([]byte, error) {
	body, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("headers: %s: %w", what, err)
	}
	return body, nil
}

// parseBody reads a body in JSON. Members that T does not have are passed over.
func parseBody[T any](what string, body []byte) (T, error) {
	var data, none T
	if err := unmarshalBody(what, body, &data); err != nil {
		return none, err
	}
	return data, nil
}

// unmarshalBody reads a body in JSON into data, which keeps what the body does not have.
func unmarshalBody[T any](what string, body []byte, data *T) error {
	if err := json.Unmarshal(body, data); err != nil {
		return fmt.Errorf("headers: %w: %s: %w", ErrMalformed, what, err)
	}
	return nil
}
