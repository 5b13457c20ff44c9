package session

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// encoded returns the fields that a request has on the wire.
func encoded(t *testing.T, r headers.Request, body string) (headers.Fields, map[string]string) {
	t.Helper()
	frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, r, []byte(body))
	require.NoError(t, err)
	c, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
	require.NoError(t, err)
	fields := map[string]string{}
	for name, value := range c.Fields.All() {
		fields[string(name)] = string(value)
	}
	return c.Fields, fields
}

// The fixed fields are on the request, and the signature is of them too. A request
// that has been signed stays as it is.
func TestSigner(t *testing.T) {
	fixed := headers.FieldList{{Name: "nsd", Value: "true"}, {Name: "ns", Value: "space"}}
	d := newSigner(fixed, func(context.Context) (Keys, error) {
		return Keys{AccessKey: "user", SecretKey: "secret", SecurityToken: "token"}, nil
	})
	r, err := d.decorate(t.Context(), headers.Heartbeat{}, []byte("body"))
	require.NoError(t, err)
	raw, fields := encoded(t, r, "body")
	require.Equal(t, map[string]string{
		"nsd": "true", "ns": "space", "AccessKey": "user", "SecurityToken": "token",
		"Signature": headers.Signature(raw, []byte("body"), "secret"),
	}, fields)

	again, err := d.decorate(t.Context(), r, []byte("body"))
	require.NoError(t, err)
	require.Equal(t, r, again)

	unsigned, err := newSigner(fixed, nil).decorate(t.Context(), headers.Heartbeat{}, nil)
	require.NoError(t, err)
	_, fields = encoded(t, unsigned, "")
	require.Equal(t, map[string]string{"nsd": "true", "ns": "space"}, fields)

	require.Nil(t, newSigner(nil, nil))
	require.Equal(t, headers.Heartbeat{}, newSigner(nil, nil).Sign(Keys{}, headers.Heartbeat{}, nil))
}

// Keys do not show themselves.
func TestKeysAreRedacted(t *testing.T) {
	keys := Keys{AccessKey: "user", SecretKey: "secret", SecurityToken: "token"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.Equal(t, "[redacted]", fmt.Sprintf(verb, keys))
	}
	require.NotContains(t, fmt.Sprintf("%+v", struct{ K *Keys }{&keys}), "secret")
}
