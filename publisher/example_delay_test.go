package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A message that says so by Watermill's components/delay is delivered later. The
// clock of an embedded cluster can be moved on, so that a test need not wait.
func ExampleDelayConfig() {
	cluster := startBroker(embedded.WithTopic("reminders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	msg := message.NewMessage("1", []byte("call back"))
	delay.Message(msg, delay.For(24*time.Hour))
	if err := pub.Publish("reminders", msg); err != nil {
		log.Fatal(err)
	}
	fmt.Println("delivered:", storedIn(cluster, "reminders"))
	cluster.Advance(23 * time.Hour)
	fmt.Println("after 23 hours:", storedIn(cluster, "reminders"))
	cluster.Advance(2 * time.Hour)
	fmt.Println("after 25 hours:", storedIn(cluster, "reminders"))
	// Output:
	// delivered: 0
	// after 23 hours: 0
	// after 25 hours: 1
}

// Brokers before 5.0.0 have a list of delays. Another delay becomes the next longer
// one, unless it has to be exact.
func ExampleDelayConfig_levels() {
	cluster := startBroker(embedded.WithVersion(headers.Version4_9_7), embedded.WithTopic("reminders", 1))
	defer cluster.Close()
	publish := func(lasts time.Duration, exact bool) {
		pub, err := publisher.New(publisher.Config{
			Cluster: cluster.Config(),
			Delay:   publisher.DelayConfig{RequireLevel: exact},
		}, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer pub.Close()
		msg := message.NewMessage("1", []byte("call back"))
		delay.Message(msg, delay.For(lasts))
		err = pub.Publish("reminders", msg)
		var none *publisher.DelayLevelError
		switch {
		case errors.As(err, &none):
			fmt.Println("none of", len(none.Levels), "levels")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println("will be delivered")
		}
	}
	publish(time.Minute, true)
	publish(90*time.Second, true)
	publish(90*time.Second, false)
	// Output:
	// will be delivered
	// none of 18 levels
	// will be delivered
}

// A delayed message can be taken back where brokers allow it
// (recallMessageEnable=true).
func ExamplePublisher_Recall() {
	cluster := startBroker(embedded.WithTopic("reminders", 1), embedded.WithRecall())
	defer cluster.Close()
	handles := make(map[string]string) // by UUID
	pub, err := publisher.New(publisher.Config{
		Cluster:  cluster.Config(),
		OnResult: func(r publisher.Result) { handles[r.UUID] = r.RecallHandle },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, uuid := range []string{"1", "2"} {
		msg := message.NewMessage(uuid, []byte("call back "+uuid))
		delay.Message(msg, delay.For(time.Hour))
		if err := pub.Publish("reminders", msg); err != nil {
			log.Fatal(err)
		}
	}
	if err := pub.Recall(context.Background(), handles["1"]); err != nil {
		log.Fatal(err)
	}
	cluster.Advance(2 * time.Hour)
	for _, m := range messagesIn(cluster, "reminders") {
		fmt.Printf("%s\n", m.Body)
	}
	err = pub.Recall(context.Background(), handles["2"])
	fmt.Println("too late:", errors.Is(err, publisher.ErrRecallTooLate))
	// Output:
	// call back 2
	// too late: true
}
