// Package pop is the engine of a Subscriber that has brokers lease messages to it: POP,
// of RocketMQ 5.0.0 and later.
//
//	Engine ── Fetcher ── reader ──── NOTIFICATION, POP_MESSAGE ───> broker
//	   │         │                                                    ^
//	   │         └────── orderedReader (one for each queue)           │
//	   └── broker <── checkPoint <── Ack, Nack, Release, Renew        │
//	         └───────── BATCH_ACK, CHANGE_INVISIBLETIME, ... ─────────┘
//
// A pop takes effect when the broker answers it. So no pop waits at a broker, and none is
// given up: NOTIFICATION waits for messages, and a pop that is under way is awaited. What
// a broker keeps of one queue of a pop is a check point. It is the delivery.Source of the
// messages in it, and has their acks sent together.
package pop
