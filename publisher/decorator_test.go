package publisher

import (
	"context"
	"errors"
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
// that has been decorated stays as it is.
func TestDecorator(t *testing.T) {
	fixed := headers.FieldList{{Name: "nsd", Value: "true"}, {Name: "ns", Value: "space"}}
	d := newDecorator(fixed, Credentials{AccessKey: "user", SecretKey: NewSecret("secret"), SecurityToken: NewSecret("token")})
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

	unsigned, err := newDecorator(fixed, nil).decorate(t.Context(), headers.Heartbeat{}, nil)
	require.NoError(t, err)
	_, fields = encoded(t, unsigned, "")
	require.Equal(t, map[string]string{"nsd": "true", "ns": "space"}, fields)

	require.Nil(t, newDecorator(nil, nil))
	require.Equal(t, headers.Heartbeat{}, newDecorator(nil, nil).apply(Credentials{}, headers.Heartbeat{}, nil))
}

func TestDecoratorWithoutCredentials(t *testing.T) {
	broken := errors.New("vault is sealed")
	for _, c := range []struct {
		provider CredentialsFunc
		want     string
	}{
		{func(context.Context) (Credentials, error) { return Credentials{}, broken }, "vault is sealed"},
		{func(context.Context) (Credentials, error) { return Credentials{AccessKey: "user"}, nil }, "SecretKey is empty"},
		{func(context.Context) (Credentials, error) { return NewCredentials("", "secret"), nil }, "AccessKey is empty"},
	} {
		_, err := newDecorator(nil, c.provider).decorate(t.Context(), headers.Heartbeat{}, nil)
		var none *CredentialsError
		require.ErrorAs(t, err, &none)
		require.ErrorContains(t, none.Err, c.want)
		require.Equal(t, verdict{}, judge(err), "final, and nothing is sent")
	}
	// A provider that ran out of the caller's time has not failed.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newDecorator(nil, CredentialsFunc(func(ctx context.Context) (Credentials, error) {
		return Credentials{}, ctx.Err()
	})).decorate(ctx, headers.Heartbeat{}, nil)
	var none *CredentialsError
	require.False(t, errors.As(err, &none))
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, judge(err).again)
}
