package subscriber

import (
	"context"
	"fmt"
	"math"
	"time"

	wmdelay "github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// ackLinger is how long an ack waits for others (POP). It delays nothing that a handler
// waits for.
const ackLinger = 100 * time.Millisecond

// deliveryConfig is what the lanes of the subscription go by.
func (sub *subscription) deliveryConfig(ctx context.Context) delivery.Config {
	cfg := &sub.s.cfg
	unreadable, _ := cfg.Unreadable.of()
	redelivery := delivery.Redelivery{
		MinPause: cfg.Redelivery.MinPause, MaxPause: cfg.Redelivery.MaxPause, MaxLocalPause: cfg.Redelivery.MaxLocalPause,
		MaxDeliveries: max(0, cfg.MaxDeliveries),
	}
	if cfg.Group == "" { // there is no broker to deliver it again
		redelivery.MaxLocalPause = math.MaxInt64
	}
	return delivery.Config{
		Topic: sub.topic, Group: cfg.Group,
		Context:       ctx,
		Ordered:       cfg.Ordered,
		Messages:      cfg.MaxInFlight.Messages,
		Bytes:         cfg.MaxInFlight.Bytes,
		Make:          sub.make,
		Unreadable:    unreadable,
		Redelivery:    redelivery,
		Delay:         delayOf,
		MaxProcessing: cfg.MaxProcessing,
		DeadLetter:    sub.deadLetter,
		Observer:      observer{sub},
	}
}

// make makes Watermill's message.
func (sub *subscription) make(m *delivery.Message) (*message.Message, error) {
	if err := sub.unpack(m); err != nil {
		return nil, err
	}
	d := sub.s.reader.ReadKnown(sub.topic, &m.Message)
	if d.UnmarshalErr != nil {
		return nil, d.UnmarshalErr
	}
	if d.Message.UUID == "" && m.UniqueKey() == "" { // Watermill's have one
		d.Message.UUID = messageID(&m.Message)
	}
	if m.Asked > 0 { // so that DelayOnError knows how long the last pause was
		d.Message.Metadata.Set(wmdelay.DelayedForKey, m.Asked.String())
	}
	return d.Message, nil
}

// unpack decompresses the body.
func (sub *subscription) unpack(m *delivery.Message) error {
	if m.Stored.SysFlag&headers.SysFlagCompressed == 0 {
		m.Body = m.Stored.Body
		return nil
	}
	first := m.Body == nil
	plain, err := sub.s.decompressor.Decompress(m.Stored.Body, m.Stored.SysFlag)
	if err != nil {
		return &marshaler.BodyError{SysFlag: m.Stored.SysFlag, Size: len(m.Stored.Body), Limit: sub.s.cfg.MaxInFlight.Bytes, Reason: err}
	}
	m.Body = plain
	if first {
		m.Grow(len(plain))
	}
	return nil
}

// delayOf returns the pause that Watermill's DelayOnError has asked for. What a message was
// delayed by when it was published is over, so that it is no such pause.
func delayOf(msg *message.Message, now time.Time) (time.Duration, bool) {
	until, err := time.Parse(time.RFC3339, msg.Metadata.Get(wmdelay.DelayedUntilKey))
	if err != nil {
		return 0, false
	}
	left := until.Add(time.Second).Sub(now) // the metadata has whole seconds
	if left <= 0 {
		return 0, false
	}
	if asked, err := time.ParseDuration(msg.Metadata.Get(wmdelay.DelayedForKey)); err == nil && asked > 0 && asked < left {
		left = asked
	}
	return left, true
}

// deadLetter makes a dead letter of a message.
func (sub *subscription) deadLetter(ctx context.Context, m *delivery.Message) (err error) {
	take := sub.s.cfg.DeadLetter
	switch {
	case take == nil && sub.s.cfg.Group == "":
		return nil // the observer tells
	case take == nil:
		return m.Bury(ctx)
	}
	letter := DeadLetter{Topic: sub.topic, Info: newInfo(m.Delivery())}
	letter.Message, letter.Err = sub.make(m)
	if letter.Err != nil {
		letter.Message = receive.Reader{}.ReadKnown(sub.topic, &m.Message).Message
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("Config.DeadLetter: panic: %v", p)
		}
	}()
	return take(newLetterContext(ctx, m.Context()), letter)
}
