package publisher_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A Cluster.Dial that does not do what it should is found by a check, with TLS and
// without, and hangs neither the check nor Close.
func TestCheckBadDial(t *testing.T) {
	authority := newAuthority(t)
	secure := embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{issue(t, authority)}})
	for _, cfg := range []*tls.Config{nil, {RootCAs: authority.Pool()}} {
		t.Run("returns nothing", func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, func(config *publisher.Config) {
					config.Cluster.TLS = cfg
					config.Cluster.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
				})
				requireStatus(t, check.Bad, checked(t, p, orders), check.NameServer, "neither a connection nor an error")
			}, secure)
		})
		t.Run("does not return", func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				over := make(chan struct{})
				defer close(over)
				p := unclosedPublisherOn(t, c, func(config *publisher.Config) {
					config.Cluster.TLS = cfg
					config.Cluster.Dial = func(context.Context, string, string) (net.Conn, error) {
						<-over
						return nil, net.ErrClosed
					}
				})
				elapsed := stopwatch()
				require.Equal(t, check.Bad, item(t, checked(t, p, orders), check.NameServer).Status)
				require.LessOrEqual(t, elapsed(), 20*time.Second)

				ended := make(chan struct{})
				go func() {
					_, _ = p.Check(context.Background(), orders)
					close(ended)
				}()
				time.Sleep(time.Second)
				elapsed = stopwatch()
				_ = p.Close() // whether the check is over in time is not the question
				<-ended
				require.LessOrEqual(t, elapsed(), 12*time.Second)
			}, secure)
		})
	}
}

// A server that does not answer the dial is given Config.DialTimeout, and the report says
// so of each look at it.
func TestCheckSaysTheDialTimeout(t *testing.T) {
	authority := newAuthority(t)
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(config *publisher.Config) {
			config.Cluster.TLS = &tls.Config{RootCAs: authority.Pool()}
			config.Cluster.DialTimeout = time.Second
			config.Cluster.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		})
		report := checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.NameServer, "no connection within 1s")
		require.Equal(t, time.Second, requireStatus(t, check.Bad, report, check.TLS, "no connection within 1s").Took)
	}, embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{issue(t, authority)}}))
}

// A server that refuses our certificate in the handshake is said to do so.
func TestCheckRefusedCertificate(t *testing.T) {
	authority := newAuthority(t)
	picky := &tls.Config{Certificates: []tls.Certificate{issue(t, authority)}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(config *publisher.Config) { config.Cluster.TLS = &tls.Config{RootCAs: authority.Pool()} })
		i := requireStatus(t, check.Bad, checked(t, p, orders), check.TLS, "server refused the client's certificate")
		require.Contains(t, i.Advice, "Cluster.TLS.Certificates")
		var refused *rocketmq.CertificateError
		require.ErrorAs(t, i.Err, &refused)
		require.True(t, refused.ByPeer)
	}, embedded.WithTLS(picky), embedded.WithTLSRequired())
}
