package publisher

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/gate"
)

// WaitingConfig bounds the messages that are not yet published. A call that is
// over a limit by itself goes on when it is alone.
type WaitingConfig struct {
	// Messages is 65536 by default.
	Messages int
	// Bytes of payload, UUID and metadata. 64 MiB by default.
	Bytes int
}

// needOf says what messages count at the gate. Their sizes are those before
// encoding, since it is the encoding that the gate keeps small.
func needOf(messages []*message.Message) gate.Amount {
	need := gate.Amount{Messages: len(messages)}
	for _, msg := range messages {
		need.Bytes += len(msg.UUID) + len(msg.Payload)
		for name, value := range msg.Metadata {
			need.Bytes += len(name) + len(value)
		}
	}
	return need
}
