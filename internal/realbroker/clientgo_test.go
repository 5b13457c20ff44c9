//go:build unix

package realbroker

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rocketmq-client-go and the Java client are members of one group, consume what both
// have produced, and a message that one of them fails comes again.
func TestClientGo(t *testing.T) {
	t.Parallel()
	Require(t)
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			c := Start(t, Config{Version: version})
			client := BuildClientGo(t, c.NameServers())
			c.CreateTopic(t, "mixed", 4)
			cfg := ConsumeConfig{Group: "workers", Topic: "mixed", Tags: "new"}
			java := c.Consume(t, cfg)
			cfg.FailEvery, cfg.DelayLevel = 2, 1
			ours := client.Consume(t, cfg)
			awaitTrue(t, func() bool {
				client.Produce(t, "mixed", 8, "-tag=new")
				return len(ours.Deliveries()) > 0 && len(java.Deliveries(t)) > 0
			}, "both have a share")
			java.Stop(t)
			sent := append(c.JavaProduce(t, "mixed", 4, "--tag", "new"), client.Produce(t, "mixed", 4, "-tag=new", "-size=300", "-sharding-key=k")...)
			require.Len(t, sent, 8)
			awaitTrue(t, func() bool {
				got := make(map[string]Delivery)
				for _, d := range ours.Deliveries() {
					got[d.MsgID] = d
				}
				for _, s := range sent {
					d, ok := got[s.MsgID]
					if !ok {
						return false
					}
					assert.Equal(t, "SEND_OK", s.Status)
					assert.Equal(t, "mixed", d.Topic)
					assert.Equal(t, "new", d.Tags)
					assert.NotEmpty(t, d.Body)
				}
				return true
			}, "it gets all")
			awaitTrue(t, func() bool {
				for _, d := range ours.Deliveries() {
					if d.ReconsumeTimes > 0 {
						return true
					}
				}
				return false
			}, "a failed message comes again")
			// Brokers hear of who leaves by the end of the connection, if not before.
			awaitTrue(t, func() bool {
				members := c.ConsumerConnection(t, "workers").Members
				return len(members) == 1 && members[0].Language == "GO"
			}, "the Java client has left")
			ours.Stop(t)
		})
	}
}
