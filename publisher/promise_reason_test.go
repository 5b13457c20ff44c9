package publisher_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// A call that ends because its time is over says what kept it from a broker, with
// the address or URL that did not do, whatever the last attempt was waiting for.
func TestPromiseTimeoutTellsTheReason(t *testing.T) {
	ignored := func(c *embedded.Cluster) {
		c.Intercept(func(embedded.Request) embedded.Fault { return embedded.Ignore() })
	}
	requireServers := func(t *testing.T, c *embedded.Cluster, err error) {
		var servers *routing.NameServersError
		require.ErrorAs(t, err, &servers)
		require.Equal(t, c.NameServers()[0], servers.Servers[0].Addr)
		require.ErrorContains(t, err, c.NameServers()[0])
	}
	errOwn := errors.New("ask http://directory.test/nsaddr: no directory today")
	for name, tc := range map[string]struct {
		change func(cfg *publisher.Config)
		harm   func(c *embedded.Cluster)
		want   func(t *testing.T, c *embedded.Cluster, err error)
	}{
		"name server hangs": {harm: ignored, want: requireServers},
		"name server hangs, impatient attempts": {
			harm: ignored, want: requireServers,
			change: func(c *publisher.Config) { c.AttemptTimeout = 1300 * time.Millisecond },
		},
		"name server hangs, batches of many": {
			harm: ignored, want: requireServers,
			change: func(c *publisher.Config) { c.Batch.Linger = time.Millisecond },
		},
		"name server is down": {harm: func(c *embedded.Cluster) { c.NameServer(0).Stop() }, want: requireServers},
		"resolver fails": {
			change: func(c *publisher.Config) {
				c.Cluster.NameServers = nil
				c.Cluster.Resolver = routing.ResolverFunc(func(context.Context) ([]string, error) { return nil, errOwn })
			},
			want: func(t *testing.T, _ *embedded.Cluster, err error) {
				var failed *routing.ResolveError
				require.ErrorAs(t, err, &failed)
				require.ErrorIs(t, err, errOwn)
				require.ErrorContains(t, err, errOwn.Error())
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				if tc.harm != nil {
					tc.harm(c)
				}
				p := publisherOn(t, c, tc.change)
				check := func(err error) {
					require.ErrorIs(t, err, publisher.ErrSendTimeout)
					require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
					tc.want(t, c, err)
				}
				check(p.Publish(orders, newMessage("x")))
				check(p.Publish(orders, newMessages(3)...))
				ctx, cancel := context.WithTimeout(t.Context(), 2200*time.Millisecond)
				defer cancel()
				err := p.Publish(orders, messageIn(ctx))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				tc.want(t, c, err)
			})
		})
	}
}

// When nothing is known yet about what is wrong, the error says who was asked.
func TestPromiseTimeoutNamesWhoWasAsked(t *testing.T) {
	impatient := func(c *publisher.Config) { c.SendTimeout = 500 * time.Millisecond }
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		err := publisherOn(t, c, impatient).Publish(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.ErrorContains(t, err, "from name server "+c.NameServers()[0])
	})
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			impatient(cfg)
			cfg.Cluster.NameServers = nil
			directory := routing.NewHTTPResolver("http://user:secret@directory.test/nsaddr")
			directory.Client = &http.Client{Transport: silence{}}
			cfg.Cluster.Resolver = directory
		})
		synctest.Wait()
		err := p.Publish(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.ErrorContains(t, err, "directory.test/nsaddr")
		require.NotContains(t, err.Error(), "secret")
	})
}

// silence is an endpoint that never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
