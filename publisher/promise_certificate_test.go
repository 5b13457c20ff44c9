package publisher_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// behindTLS returns the settings of a publisher for c, whose brokers of these numbers
// have another TLS configuration than the rest.
func behindTLS(t *testing.T, c *embedded.Cluster, authority *testcert.Authority, other *tls.Config, numbers ...int) func(*publisher.Config) {
	t.Helper()
	stranger, err := embedded.Start(embedded.InMemory(), embedded.WithTLS(other), embedded.WithTLSRequired(), embedded.WithTopic(orders, 1))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stranger.Close()) })
	strange := make(map[string]bool)
	for _, n := range numbers {
		strange[c.Broker(n).Addr()] = true
	}
	return func(cfg *publisher.Config) {
		cfg.Cluster.TLS = &tls.Config{RootCAs: authority.Pool()}
		cfg.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strange[addr] {
				return stranger.Dial(ctx, network, stranger.Broker(0).Addr())
			}
			return c.Dial(ctx, network, addr)
		}
	}
}

// One broker whose certificate does not do costs no message: the others take them, and
// it is avoided.
func TestPromiseOneBrokersCertificate(t *testing.T) {
	authority, strangers := newAuthority(t), newAuthority(t)
	good := embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{issue(t, authority)}})
	for name, certificate := range map[string]tls.Certificate{
		"wrong CA":   issue(t, strangers),
		"wrong host": issue(t, authority, testcert.OtherHost),
		"expired":    issue(t, authority, testcert.Expired),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := newResults()
				settings := behindTLS(t, c, authority, &tls.Config{Certificates: []tls.Certificate{certificate}}, 1)
				p := publisherOn(t, c, func(cfg *publisher.Config) { settings(cfg); cfg.OnResult = seen.add })
				failed := 0
				for range 30 {
					elapsed := stopwatch()
					r := publishOne(t, p, seen)
					require.Less(t, elapsed(), time.Second)
					require.Equal(t, "broker-a", r.MessageQueue.BrokerName)
					for _, a := range r.Failed {
						require.Equal(t, "broker-b", a.MessageQueue.BrokerName)
						require.Equal(t, publisher.NotSent, a.Outcome)
						var untrusted *rocketmq.CertificateError
						require.ErrorAs(t, a.Err, &untrusted)
						failed++
					}
				}
				require.LessOrEqual(t, failed, 1, "avoided")
				require.NoError(t, p.PublishOneway(orders, newMessages(8)...))
			}, good, embedded.WithBrokers(2))
		})
	}
}

// A certificate is final for a message once no other broker can take it: each has
// been tried, or the ordering key leads to this one.
func TestPromiseAllBrokersCertificates(t *testing.T) {
	authority := newAuthority(t)
	good := embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{issue(t, authority)}})
	expired := &tls.Config{Certificates: []tls.Certificate{issue(t, authority, testcert.Expired)}}
	t.Run("all", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, behindTLS(t, c, authority, expired, 0, 1, 2))
			for range 2 {
				elapsed := stopwatch()
				e := failureOf(t, p.Publish(orders, newMessage("x")))
				require.Less(t, elapsed(), time.Second)
				var untrusted *rocketmq.CertificateError
				require.ErrorAs(t, e, &untrusted)
				require.Equal(t, publisher.NotSent, e.Outcome())
				tried := make(map[string]bool)
				for _, a := range e.Results[0].Failed {
					tried[a.MessageQueue.BrokerName] = true
				}
				require.Len(t, tried, 3)
				require.Equal(t, 3, e.Results[0].Attempts)
			}
		}, good, embedded.WithBrokers(3))
	})
	t.Run("of a key", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			settings := behindTLS(t, c, authority, expired, 1)
			p := publisherOn(t, c, func(cfg *publisher.Config) { settings(cfg); byPayload(cfg) })
			failed := 0
			for _, key := range []string{"a-0", "b-0", "c-0", "d-0", "e-0", "f-0", "g-0", "h-0"} {
				elapsed := stopwatch()
				err := p.Publish(orders, newMessage(key))
				require.Zero(t, elapsed())
				if err == nil {
					continue
				}
				failed++
				var untrusted *rocketmq.CertificateError
				require.ErrorAs(t, err, &untrusted)
				require.Equal(t, 1, failureOf(t, err).Results[0].Attempts)
			}
			require.NotZero(t, failed)
			require.NotEqual(t, 8, failed)
		}, good, embedded.WithBrokers(2))
	})
	t.Run("and one that is down", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			settings := behindTLS(t, c, authority, expired, 1)
			p := publisherOn(t, c, settings)
			require.NoError(t, p.Publish(orders, newMessage("x")))
			c.Broker(0).Kill()
			time.AfterFunc(time.Second, func() { _ = c.Broker(0).Start() })
			require.NoError(t, p.Publish(orders, newMessage("x")), "it comes back in time")
		}, good, embedded.WithBrokers(2))
	})
}

// A certificate of ours that a broker does not want is the same for all of them.
func TestPromiseOwnCertificateIsRefusedOnce(t *testing.T) {
	authority := newAuthority(t)
	good := tls.Config{Certificates: []tls.Certificate{issue(t, authority)}}
	picky := good.Clone()
	picky.ClientAuth = tls.RequireAnyClientCert
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, behindTLS(t, c, authority, picky, 0, 1))
		elapsed := stopwatch()
		e := failureOf(t, p.Publish(orders, newMessage("x")))
		require.Zero(t, elapsed())
		var refused *rocketmq.CertificateError
		require.ErrorAs(t, e, &refused)
		require.True(t, refused.ByPeer)
		require.Equal(t, 1, e.Results[0].Attempts)
	}, embedded.WithTLS(&good), embedded.WithBrokers(2))
}
