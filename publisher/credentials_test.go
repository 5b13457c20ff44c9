package publisher

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func signerOf(t *testing.T, provider rocketmq.CredentialsFunc) *session.Signer {
	t.Helper()
	client, err := rocketmq.Connect(rocketmq.Cluster{NameServers: []string{"127.0.0.1:1"}, Credentials: provider}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client.Session().Signer()
}

func TestNoCredentials(t *testing.T) {
	broken := errors.New("vault is sealed")
	for _, c := range []struct {
		provider rocketmq.CredentialsFunc
		want     string
	}{
		{func(context.Context) (rocketmq.Credentials, error) { return rocketmq.Credentials{}, broken }, "vault is sealed"},
		{func(context.Context) (rocketmq.Credentials, error) {
			return rocketmq.Credentials{AccessKey: "user"}, nil
		}, "SecretKey is empty"},
		{func(context.Context) (rocketmq.Credentials, error) { return rocketmq.NewCredentials("", "secret"), nil }, "AccessKey is empty"},
	} {
		_, err := signerOf(t, c.provider).Keys(t.Context())
		var none *rocketmq.CredentialsError
		require.ErrorAs(t, err, &none)
		require.ErrorContains(t, none.Err, c.want)
		require.Equal(t, verdict.Verdict{}, judge(err), "final, and nothing is sent")
	}
	// A provider that ran out of the caller's time has not failed.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := signerOf(t, func(ctx context.Context) (rocketmq.Credentials, error) {
		return rocketmq.Credentials{}, ctx.Err()
	}).Keys(ctx)
	var none *rocketmq.CredentialsError
	require.False(t, errors.As(err, &none))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, verdict.Verdict{Next: verdict.RetryHere, Refresh: true}, judge(&transport.OpError{Op: "decorate", Err: err}), "the broker is not to blame")
	require.NotEqual(t, verdict.GiveUp, judge(err).Next)
}
