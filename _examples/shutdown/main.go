// Shutdown ends a service under load, in the order that loses nothing: an instance is
// shut down in the midst of its messages, and the next one finds all that are left, and
// no others.
//
//	go run -C _examples ./shutdown
//
// It prints:
//
//	the service has shut down: N orders published, N handled
//	the next instance has handled the other N
//	lost: 0, handled twice: 0
package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const (
	orders   = "shutdown-orders"
	receipts = "shutdown-receipts"
)

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	l := &ledger{times: make(map[string]int)}
	published, handled, err := serve(ctx, cluster, l, 4, func(_, handled int) bool { return handled >= 500 })
	if err != nil {
		return err
	}
	fmt.Printf("the service has shut down: %d orders published, %d handled\n", published, handled)
	_, all, err := serve(ctx, cluster, l, 0, func(published, handled int) bool { return handled == published })
	if err != nil {
		return err
	}
	fmt.Printf("the next instance has handled the other %d\n", all-handled)
	l.print()
	return nil
}

// serve is an instance of the service, with some publishers. It ends when enough says
// so, or ctx ends, which with signal.NotifyContext is a signal. It returns how many
// orders are published and handled, by all instances.
func serve(ctx context.Context, cluster rocketmq.Cluster, l *ledger, publishers int, enough func(published, handled int) bool) (published, handled int, err error) {
	if published, handled = l.count(); enough(published, handled) {
		return published, handled, nil // the instance before has left nothing to do
	}
	logger := watermill.NewSlogLogger(nil)
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{Cluster: cluster, CreateTopics: create}, logger)
	if err != nil {
		return 0, 0, err
	}
	defer pub.Close()
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "shutdown", CreateTopics: create}, logger)
	if err != nil {
		return 0, 0, err
	}
	defer sub.Close()
	// Longer than a handler takes. The subscriber's own CloseTimeout, 10 s by default, has
	// to be that as well.
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, logger)
	if err != nil {
		return 0, 0, err
	}
	ctx, shutDown := context.WithCancel(ctx)
	defer shutDown()
	// KeepOpen, since the router would close the publisher before its handlers are done. An
	// order whose receipt is not published is handled twice.
	router.AddHandler("orders", orders, sub, receipts, publisher.KeepOpen(pub), func(order *message.Message) ([]*message.Message, error) {
		time.Sleep(10 * time.Millisecond) // the work
		if enough(l.handle(order.UUID)) {
			shutDown()
		}
		return message.Messages{message.NewMessage(order.UUID+"-receipt", []byte("a receipt"))}, nil
	})

	// First, whoever publishes stops. Publish is not interrupted.
	var group errgroup.Group
	for range publishers {
		group.Go(func() error {
			for ctx.Err() == nil {
				order := message.NewMessage(watermill.NewUUID(), []byte("an order"))
				l.publish(order.UUID)
				if err := pub.Publish(orders, order); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// Beside it, the router takes no more messages, and waits for its handlers, which go
	// on: the contexts of their messages do not end with ctx.
	group.Go(func() error { return router.Run(ctx) })
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	// Then the subscriber: what nobody has taken goes back to the broker, and the broker has
	// all acks when Close returns nil.
	if err := sub.Close(); err != nil {
		return 0, 0, err
	}
	// The publisher is the last, so that handlers can publish to the end.
	if err := pub.Close(); err != nil {
		return 0, 0, err
	}
	published, handled = l.count()
	return published, handled, nil
}

// ledger has the UUIDs of the orders that are published, and how often each was handled.
type ledger struct {
	mu      sync.Mutex
	times   map[string]int
	handled int // orders that were handled at least once
}

func (l *ledger) publish(uuid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times[uuid] = 0
}

func (l *ledger) handle(uuid string) (published, handled int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if times, ours := l.times[uuid]; ours {
		l.times[uuid]++
		if times == 0 {
			l.handled++
		}
	}
	return len(l.times), l.handled
}

func (l *ledger) count() (published, handled int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.times), l.handled
}

func (l *ledger) print() {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, twice := 0, 0
	for _, times := range l.times {
		switch {
		case times == 0:
			lost++
		case times > 1:
			twice++
		}
	}
	fmt.Printf("lost: %d, handled twice: %d\n", lost, twice)
}
