package pop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// A broker that is killed while messages are read and acked loses none. Those that it hands
// out once more are ones that it had handed out since it last stored its offsets.
func TestKilledBroker(t *testing.T) {
	for _, mode := range []struct {
		name   string
		engine func(cfg *engine.Config)
	}{{"any order", func(cfg *engine.Config) { cfg.Lease = 30 * time.Second }}, {"in order", inOrder}} {
		t.Run(mode.name, func(t *testing.T) {
			c := realbroker.Start(t, realbroker.Config{Version: "5.5.0"})
			w := onReal(t, c, 8)
			const keys, n = 20, 1000
			w.publishInOrder(keys, n)
			begin := time.Now()
			m := w.member(mode.engine)
			s := m.subscribe(func(cfg *delivery.Config) { cfg.Ordered = mode.name == "in order" }, engine.Topic{})
			seen := make(map[string]int)
			take := func() {
				msg := s.next()
				seen[string(msg.Payload)]++
				msg.Ack()
			}
			for len(seen) < keys*n/4 {
				take()
			}
			restarted := make(chan error, 1)
			go func() {
				if err := c.Broker(0).Kill(); err != nil {
					restarted <- err
					return
				}
				restarted <- c.Broker(0).Start()
			}()
			for len(seen) < keys*n {
				select {
				case err := <-restarted:
					require.NoError(t, err)
					restarted = nil
				case msg, ok := <-s.output.Channel():
					require.True(t, ok)
					seen[string(msg.Payload)]++
					msg.Ack()
				case <-time.After(2 * patience):
					require.FailNow(t, "messages are missing", "%d of %d", len(seen), keys*n)
				}
			}
			if restarted != nil {
				require.NoError(t, <-restarted)
			}
			twice := 0
			for _, times := range seen {
				twice += times - 1
			}
			t.Logf("%d of %d messages came again", twice, keys*n)
			require.NoError(t, s.end(time.Second))
			m.close()
			for _, lines := range m.logger.Captured() {
				require.Less(t, len(lines), 60*int(1+time.Since(begin)/time.Minute))
			}
		})
	}
}
