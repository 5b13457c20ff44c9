package publisher_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// What the URL of the name servers' list has beside its path is nowhere to be seen: not
// in a publisher, its configuration, an error or a log line.
func TestPromiseResolverSecretsAreNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const password, token = "5ecret-password", "5ecret-token"
		var out, logged bytes.Buffer // the handler of logged has a lock
		show := func(values ...any) {
			for _, v := range values {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
					fmt.Fprintf(&out, verb+"\n", v)
				}
				text, err := json.Marshal(v)
				fmt.Fprintf(&out, "%s %v %+v\n", text, err, err)
				slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", v)
			}
		}
		directory := routing.NewHTTPResolver("http://user:" + password + "@directory.test/nsaddr?token=" + token)
		directory.Client = &http.Client{Transport: unreachable{}}
		cfg := publisher.Config{Cluster: rocketmq.Cluster{Resolver: directory}}
		logger := watermill.NewSlogLogger(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug - 10})))
		p, err := publisher.New(cfg, logger)
		require.NoError(t, err)
		err = p.Publish(orders, newMessage("x"))
		require.ErrorContains(t, err, "ask http://directory.test/nsaddr: no route to host")
		report, checked := p.Check(t.Context(), orders)
		require.NoError(t, checked)
		require.NoError(t, p.Close())
		synctest.Wait()
		show(cfg, &cfg, p, publisherValue(p), err, report, directory)
		for _, secret := range []string{password, token} {
			require.NotContains(t, out.String(), secret)
			require.NotContains(t, logged.String(), secret)
		}
		require.Contains(t, logged.String(), "directory.test/nsaddr")
	})
}

// unreachable is an endpoint behind a network that is down.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}
