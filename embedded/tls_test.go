package embedded_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
)

// certificate makes a certificate for 127.0.0.1 and the pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	own, pool, err := testcert.SelfSigned()
	require.NoError(t, err)
	return own, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	server := embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}})
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		secure := func(c *client) *client {
			return newClient(t, tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}))
		}
		t.Run("permissive", func(t *testing.T) {
			cluster := start(t, network, server)
			addr := cluster.Broker(0).Addr()
			plain := dial(t, cluster, addr)
			plain.succeed(message("topic"), []byte("in plain"))
			encrypted := secure(dial(t, cluster, addr))
			encrypted.succeed(message("topic"), make([]byte, 100<<10))
			require.Len(t, messagesIn(cluster, "topic"), 2)
			require.Equal(t, 2, cluster.Broker(0).SendToClients(1, nil, nil))
			plain.receive()
			encrypted.receive()
			secure(dial(t, cluster, cluster.NameServers()[0])).succeed(routeOf("topic"), nil)
		})
		t.Run("enforcing", func(t *testing.T) {
			cluster := start(t, network, server, embedded.WithTLSRequired())
			addr := cluster.Broker(0).Addr()
			c := dial(t, cluster, addr)
			c.writeBytes(golden(t, "01"))
			c.closed()
			secure(dial(t, cluster, addr)).succeed(message("topic"), []byte("body"))
		})
	})
}

// TestPushBeforeTLSIsSettled: a client that has said nothing yet cannot be
// pushed to, as it is not known whether it speaks TLS.
func TestPushBeforeTLSIsSettled(t *testing.T) {
	cert, _ := certificate(t)
	cluster := start(t, embedded.InMemory(), embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	dial(t, cluster, cluster.Broker(0).Addr())
	require.Zero(t, cluster.Broker(0).SendToClients(1, nil, nil))
}
