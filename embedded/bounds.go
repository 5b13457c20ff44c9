package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// What requests may make a broker remember beside messages. Real brokers have no
// such bounds; here a client that goes wrong must not take the test's memory.
const (
	// keptMost is the number of topics, groups, offsets, locks and recalls each.
	keptMost = 1 << 16
	// countedMost is the number of request codes that Stats tells apart.
	countedMost = 1 << 10
)

// full is the answer to a request for which there is no room.
func full(what string) answer {
	return refuse(headers.SystemError, fmt.Sprintf("embedded broker: it keeps no more than %d %s", keptMost, what))
}

// hasRoom reports whether key may be put into a map that requests fill.
func hasRoom[K comparable, V any](m map[K]V, key K) bool {
	if len(m) < keptMost {
		return true
	}
	_, there := m[key]
	return there
}
