package embedded_test

import (
	"crypto/tls"
	"testing"

	wm "github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What Config returns is enough to publish, whatever the cluster wants of clients.
func TestConfigIsReadyForUse(t *testing.T) {
	selfSigned, _ := certificate(t)
	authority, err := testcert.NewAuthority()
	require.NoError(t, err)
	issued, err := authority.Issue()
	require.NoError(t, err)
	off := embedded.User{AccessKey: "switched-off", SecretKey: "secret", Superuser: true, Disabled: true}
	user := embedded.User{AccessKey: "alice-in", SecretKey: "alice's secret", Publish: []string{"orders"}}
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		for name, opts := range map[string][]embedded.Option{
			"open":        nil,
			"self-signed": {embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{selfSigned}}), embedded.WithTLSRequired()},
			"issued":      {embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{issued}}), embedded.WithTLSRequired()},
			"users":       {embedded.WithACL(off, user)},
		} {
			t.Run(name, func(t *testing.T) {
				cluster := start(t, append(opts, network, embedded.WithTopic("orders", 1))...)
				pub, err := publisher.New(patientPublisher(cluster.Config()), nil)
				require.NoError(t, err)
				require.NoError(t, pub.Publish("orders", wm.NewMessage("1", []byte("x"))))
				require.NoError(t, pub.Close())
				require.Len(t, messagesIn(cluster, "orders"), 1)
			})
		}
	})
}

// Config is of the users that there are now, and the caller's own.
func TestConfigFollowsTheUsers(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithACL(embedded.User{AccessKey: "alice-in", SecretKey: "secret"}))
	config := cluster.Config()
	require.NotNil(t, config.Credentials)
	config.NameServers[0] = "elsewhere:9876"
	require.Equal(t, cluster.NameServers(), cluster.Config().NameServers)

	require.NoError(t, cluster.SetUsers(embedded.User{AccessKey: "bobby-in", SecretKey: "secret"}))
	credentials, err := cluster.Config().Credentials.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "bobby-in", credentials.AccessKey)
	require.NoError(t, cluster.Config().Validate())
}
