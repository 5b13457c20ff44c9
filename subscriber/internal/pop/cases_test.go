package pop_test

import (
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// realNames are the clusters that cases run on beside embedded ones, all but the first
// only if everything is to be tested: cases wait for leases, and that takes long.
var realNames = []string{"5.5.0", "5.1.4", "5.3.3", kvMode}

// onAll runs a case in a bubble on an embedded broker, and on real ones of some versions.
func onAll(t *testing.T, queues int, test func(w *world), clusters ...string) {
	t.Run("embedded", func(t *testing.T) { inBubble(t, queues, test) })
	for _, name := range clusters {
		t.Run("real "+name, func(t *testing.T) {
			if name != realNames[0] {
				realbroker.RequireFull(t)
			}
			test(onReal(t, sharedCluster(t, name), queues))
		})
	}
}
