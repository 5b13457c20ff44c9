package promrocketmq

import (
	"strings"
	"sync"
)

// Other is the label of all topics for which there is no room, see Config.MaxTopics, and of all
// brokers after the first thousand.
const Other = "other"

// names makes labels of names, and bounds how many there are.
type names struct {
	max  int
	mu   sync.Mutex
	seen map[string]struct{}
}

func newNames(most int) *names { return &names{max: most, seen: make(map[string]struct{})} }

// label returns the name, or Other if there are too many. What is not UTF-8 in it is
// replaced, since Prometheus would refuse it.
func (n *names) label(name string) string {
	name = strings.ToValidUTF8(name, "�")
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.seen[name]; !ok {
		if len(n.seen) >= n.max {
			return Other
		}
		n.seen[name] = struct{}{}
	}
	return name
}
