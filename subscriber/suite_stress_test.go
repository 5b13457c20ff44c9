//go:build stress

package subscriber_test

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// TestStressSuite runs the suite many times at once (STRESS_TEST_COUNT) on one embedded
// broker. With the tag stress the suite waits five times as long.
func TestStressSuite(t *testing.T) {
	for _, s := range []suite{popSuite, orderedPOPSuite, pullSuite, orderedPullSuite} {
		t.Run(s.name, func(t *testing.T) {
			w := embeddedWorld(t)
			tests.TestPubSubStressTest(t, s.features(t, w), s.pubSub(w), s.pubSubOfGroup(w))
		})
	}
}
