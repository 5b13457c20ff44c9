package publisher

import "time"

// BatchConfig limits how many messages share a request. A message never waits for
// others to come: what is sent together has gathered while an earlier request to
// the topic was under way, or came in one Publish call. Linger changes that.
type BatchConfig struct {
	// MaxMessages is the most messages of a request, 1024 by default. 1 sends
	// every message by itself.
	MaxMessages int
	// MaxBytes is the most bytes of bodies and properties in a request. 1 MiB by
	// default, or MaxMessageSize if that is less, which it may not exceed: the
	// broker holds a batch to the same limit as a message. A larger message is
	// sent by itself.
	MaxBytes int
	// Linger lets messages wait that long for others to come, unless they fill a
	// request already. 0 by default, and hardly ever of use: it adds to the
	// latency of every message.
	Linger time.Duration
}
