package publisher_test

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A lost connection is a reason to look where the broker is now, without a message
// that wants to know.
func TestPromiseLostConnectionRefreshesTheRoute(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		before := routeRequests(c)
		c.Broker(0).DropConnections()
		synctest.Wait()
		time.Sleep(time.Second)
		require.Equal(t, before+1, routeRequests(c))
	})
}

// A dial takes no longer than DialTimeout, and then costs an attempt, not the call.
func TestPromiseDialTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		broker, seen, dials := c.Broker(0).Addr(), newResults(), 0 // one dial at a time
		p := publisherOn(t, c, func(config *publisher.Config) {
			config.OnResult = seen.add
			config.Cluster.DialTimeout = 100 * time.Millisecond
			config.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr == broker {
					if dials++; dials == 1 {
						<-ctx.Done() // as with a host that drops packets
						return nil, ctx.Err()
					}
				}
				return c.Dial(ctx, network, addr)
			}
		})
		result := publishOne(t, p, seen)
		require.Equal(t, 2, result.Attempts)
		require.Equal(t, 100*time.Millisecond, result.Failed[0].Took)
		require.Equal(t, publisher.NotSent, result.Failed[0].Outcome)
	})
}

// A connection that has died without a word is replaced by the attempt after the one
// that found out, though each spends some of its time before its request is written.
func TestPromiseDeadConnectionIsReplaced(t *testing.T) {
	slowly := func(wait time.Duration) rocketmq.CredentialsProvider {
		return rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
			time.Sleep(wait) // the provider's own, on the bubble's clock
			return rocketmq.NewCredentials("user", "secret"), nil
		})
	}
	for name, change := range map[string]func(*publisher.Config){
		"defaults":    nil,
		"credentials": func(c *publisher.Config) { c.Cluster.Credentials = slowly(400 * time.Millisecond) },
		"short attempts": func(c *publisher.Config) {
			c.AttemptTimeout, c.SendTimeout = 500*time.Millisecond, 2*time.Second
			c.Cluster.Credentials = slowly(100 * time.Millisecond)
		},
		"short sends": func(c *publisher.Config) { c.SendTimeout = 900 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				var mu sync.Mutex
				known, dead := map[string]bool{}, map[string]bool{}
				c.Intercept(func(r embedded.Request) embedded.Fault {
					mu.Lock()
					defer mu.Unlock()
					if r.Addr != c.Broker(0).Addr() {
						return embedded.Fault{}
					}
					known[r.RemoteAddr] = true
					if dead[r.RemoteAddr] {
						return embedded.Ignore()
					}
					return embedded.Fault{}
				})
				p := publisherOn(t, c, change)
				require.NoError(t, p.Publish(orders, newMessage("x")))
				mu.Lock()
				maps.Copy(dead, known)
				mu.Unlock()
				if name == "short sends" { // one attempt has all of the time
					require.Error(t, p.Publish(orders, newMessage("x")))
				}
				require.NoError(t, p.Publish(orders, newMessage("x")))
			})
		})
	}
}

// With TLS all servers are spoken to in TLS, and their certificates are verified.
func TestPromiseTLS(t *testing.T) {
	certificate, pool, err := testcert.SelfSigned()
	require.NoError(t, err)
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.TLS = &tls.Config{RootCAs: pool} })
		require.NoError(t, p.Publish(orders, newMessage("x")))

		trusting := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.TLS = &tls.Config{} })
		elapsed := stopwatch()
		e := failureOf(t, trusting.Publish(orders, newMessage("x")))
		require.Zero(t, elapsed(), "it will not get better")
		var untrusted *tls.CertificateVerificationError
		require.ErrorAs(t, e, &untrusted)
		require.Equal(t, publisher.NotSent, e.Outcome())
		require.Len(t, messagesIn(c, orders), 1)
	}, embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate}}), embedded.WithTLSRequired())
}

// A broker whose certificate does not do, or that does not take ours, ends the
// message at once as well, when the name server was content.
func TestPromiseBrokersCertificate(t *testing.T) {
	authority, strangers := newAuthority(t), newAuthority(t)
	good := issue(t, authority)
	for _, tt := range []struct {
		name   string
		broker *tls.Config
		byPeer bool
	}{
		{"wrong CA", &tls.Config{Certificates: []tls.Certificate{issue(t, strangers)}}, false},
		{"wrong host", &tls.Config{Certificates: []tls.Certificate{issue(t, authority, testcert.OtherHost)}}, false},
		{"expired", &tls.Config{Certificates: []tls.Certificate{issue(t, authority, testcert.Expired)}}, false},
		{"wants ours", &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				other, err := embedded.Start(embedded.InMemory(), embedded.WithTLS(tt.broker), embedded.WithTLSRequired())
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, other.Close()) })
				p := publisherOn(t, c, func(config *publisher.Config) {
					config.Cluster.TLS = &tls.Config{RootCAs: authority.Pool()}
					config.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if addr == c.Broker(0).Addr() {
							return other.Dial(ctx, network, other.Broker(0).Addr())
						}
						return c.Dial(ctx, network, addr)
					}
				})
				elapsed := stopwatch()
				e := failureOf(t, p.Publish(orders, newMessage("x")))
				require.Zero(t, elapsed())
				var certificate *rocketmq.CertificateError
				require.ErrorAs(t, e, &certificate)
				require.Equal(t, tt.byPeer, certificate.ByPeer)
				require.Equal(t, publisher.NotSent, e.Outcome())
				require.Equal(t, 1, e.Results[0].Attempts)
			}, embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{good}}))
		})
	}
}
