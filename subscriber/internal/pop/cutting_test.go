package pop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Something that takes connections and cuts each by its first request, such as a load
// balancer without a broker behind it, is asked seldom: the connection that a request has
// opened does not end the pause after that request.
func TestConnectionsThatAreCut(t *testing.T) {
	codes := []headers.RequestCode{headers.CodePopMessage, headers.CodeNotification, headers.CodeHeartbeat}
	for name, namespace := range map[string]string{"plain": "", "namespace": "tenant"} {
		for _, ordered := range []bool{false, true} {
			if ordered {
				name += ", ordered"
			}
			t.Run(name, func(t *testing.T) {
				inBubble(t, 1, func(w *world) {
					w.cluster.NamespaceV2 = namespace
					r := w.requests()
					m := w.member(func(cfg *engine.Config) { cfg.Ordered = ordered })
					s := m.subscribe(nil, engine.Topic{})
					w.publish("a")
					s.next().Ack()
					before := w.embedded.Stats().Requests(codes...)
					for _, code := range codes {
						r.all(code, embedded.DropConnection())
					}
					w.embedded.Broker(0).DropConnections()
					time.Sleep(time.Minute)
					require.Less(w.t, w.embedded.Stats().Requests(codes...)-before, 500)
					for _, code := range codes {
						r.all(code, embedded.Fault{})
					}
					w.publish("b")
					s.next().Ack()
					require.NoError(w.t, s.end(time.Second))
					m.close()
					w.nothingLeft(2 * time.Minute)
				})
			})
		}
	}
}
