package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
)

// workers is how many goroutines publish.
const workers = 64

// numberSize is how many bytes a payload begins with that are the number of the message.
const numberSize = 8

// result is what was measured with messages of a size.
type result struct {
	size, messages     int
	publish, subscribe time.Duration
	// again is how many deliveries there were beyond one of each message.
	again int
}

// rate is how many messages a second that is.
func (r result) rate(took time.Duration) float64 { return float64(r.messages) / took.Seconds() }

// measure publishes messages of a size to a topic and consumes them.
func measure(ctx context.Context, name, nameServer string, size, messages int) (r result, err error) {
	r = result{size: size, messages: messages}
	topic := "benchmark_" + watermill.NewShortUUID()
	if name != "gochannel" { // which has only one object
		if err := prepare(ctx, name, nameServer, topic); err != nil {
			return r, err
		}
	}
	p, err := open(name, nameServer)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if r.publish, err = publish(p.publisher, topic, size, messages); err != nil {
		return r, err
	}
	r.subscribe, r.again, err = consume(ctx, p.subscriber, topic, messages)
	return r, err
}

// prepare subscribes and ends that at once, so that the topic and the group are there.
func prepare(ctx context.Context, name, nameServer, topic string) error {
	p, err := open(name, nameServer)
	if err != nil {
		return err
	}
	_, err = p.subscriber.Subscribe(ctx, topic)
	return errors.Join(err, p.close())
}

// publish returns how long it takes to publish all messages, each by a call of its own.
func publish(pub message.Publisher, topic string, size, messages int) (time.Duration, error) {
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	waiting := make(chan *message.Message)
	failed := make(chan error, workers)
	var publishing sync.WaitGroup
	for range workers {
		publishing.Go(func() {
			var err error
			for msg := range waiting {
				if err == nil {
					err = pub.Publish(topic, msg)
				}
			}
			failed <- err
		})
	}
	began := time.Now()
	for i := range messages {
		payload := append([]byte(nil), random...)
		binary.BigEndian.PutUint64(payload, uint64(i))
		waiting <- message.NewMessage(watermill.NewULID(), payload)
	}
	close(waiting)
	publishing.Wait()
	took := time.Since(began)
	for range workers {
		if err := <-failed; err != nil {
			return 0, err
		}
	}
	return took, nil
}

// consume returns how long it takes until a router that is started now has handled all
// messages, and how many deliveries came again.
func consume(ctx context.Context, sub message.Subscriber, topic string, messages int) (time.Duration, int, error) {
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return 0, 0, err
	}
	seen := newSeen(messages)
	done := make(chan struct{})
	router.AddConsumerHandler("benchmark", topic, sub, func(msg *message.Message) error {
		last, err := seen.add(msg.Payload)
		if last {
			close(done)
		}
		return err
	})
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- router.Run(ctx) }()
	var took time.Duration
	select {
	case <-done:
		took = time.Since(began)
	case <-ctx.Done():
		return 0, 0, errors.Join(fmt.Errorf("%d of %d messages came", seen.distinct.Load(), messages), <-ended)
	case err := <-ended:
		return 0, 0, errors.Join(errors.New("the router ended"), err)
	}
	err = errors.Join(router.Close(), <-ended)
	return took, int(seen.again.Load()), err
}

// seen knows which messages have come. It is safe for concurrent use.
type seen struct {
	came            []atomic.Bool
	distinct, again atomic.Int64
}

func newSeen(messages int) *seen { return &seen{came: make([]atomic.Bool, messages)} }

// add notes a message, and reports whether it is the last of all.
func (s *seen) add(payload []byte) (last bool, err error) {
	if len(payload) < numberSize {
		return false, fmt.Errorf("a payload of %d bytes came", len(payload))
	}
	number := binary.BigEndian.Uint64(payload)
	if number >= uint64(len(s.came)) {
		return false, fmt.Errorf("message %d came, of %d", number, len(s.came))
	}
	if s.came[number].Swap(true) {
		s.again.Add(1)
		return false, nil
	}
	return s.distinct.Add(1) == int64(len(s.came)), nil
}
