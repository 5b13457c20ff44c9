package main

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// arrived is what a test wants to know of a message that has waited.
type arrived struct {
	storedAt   int64 // milliseconds since 1970
	body       []byte
	properties map[string]string
}

// DelayOnError and PoisonQueue on the embedded broker of either line and on real ones,
// where the official Java client says what has arrived and when. What DelayOnError says
// is a second the first time, and five the second.
func TestDelayOnError(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		t.Run("embedded "+strconv.Itoa(int(version)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(637 * time.Millisecond) // not at the beginning of a second
				cluster, err := embedded.Start(embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic(laterTopic, 1))
				if err != nil {
					t.Fatal(err)
				}
				defer cluster.Close()
				test(t, publisher.Config{Cluster: cluster.Config()}, func(n int) []arrived {
					stored, err := cluster.AwaitMessages(t.Context(), laterTopic, n)
					if err != nil {
						t.Fatal(err)
					}
					var all []arrived
					for _, m := range stored {
						all = append(all, arrived{m.StoreTimestamp.UnixMilli(), m.Body, m.Properties})
					}
					return all
				})
			})
		})
	}
	for _, version := range []string{"5.5.0", "5.1.4", "4.9.7"} {
		t.Run("real "+version, func(t *testing.T) {
			cluster := realbroker.Start(t, realbroker.Config{Version: version})
			cluster.CreateTopic(t, laterTopic, 1)
			test(t, publisher.Config{
				Cluster: rocketmq.Cluster{NameServers: cluster.NameServers()},
				// A busy machine has no message sent again, which may store it twice.
				SendTimeout: time.Minute, AttemptTimeout: time.Minute,
			}, func(n int) []arrived {
				var all []arrived
				for _, m := range cluster.Read(t, laterTopic, n) {
					all = append(all, arrived{m.StoreTimestamp, m.Body, m.Properties})
				}
				return all
			})
		})
	}
}

func test(t *testing.T, cfg publisher.Config, read func(n int) []arrived) {
	pub, err := publisher.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	var out bytes.Buffer
	before := time.Now()
	if err := handleOnce(t.Context(), &out, pub); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a book cannot be handled now\n" {
		t.Errorf("printed %q", &out)
	}
	first := arrival(t, read(1), 0, before.Add(time.Second), "1s")
	if reason := first.Metadata.Get(middleware.ReasonForPoisonedKey); reason != "the warehouse is closed" {
		t.Errorf("reason %q", reason)
	}

	// It fails again: the metadata that it has come back with says how much
	// longer to wait, and that it has waited before does not count.
	var failed time.Time
	later, err := middleware.PoisonQueue(pub, laterTopic)
	if err != nil {
		t.Fatal(err)
	}
	putOff := middleware.DelayOnError{InitialInterval: time.Second, MaxInterval: time.Hour, Multiplier: 5}
	_, err = later(putOff.Middleware(func(*message.Message) ([]*message.Message, error) {
		failed = time.Now()
		return nil, errors.New("still closed")
	}))(first)
	if err != nil {
		t.Fatal(err)
	}
	arrival(t, read(2), 1, failed.Add(5*time.Second), "5s")
}

// arrival checks the message at an index of the topic, which must not have come
// before its time, and returns it.
func arrival(t *testing.T, all []arrived, index int, until time.Time, lasts string) *message.Message {
	t.Helper()
	if len(all) != index+1 {
		t.Fatalf("%d messages have arrived, want %d", len(all), index+1)
	}
	a := all[index]
	if a.storedAt < until.UnixMilli() {
		t.Errorf("%v early", time.Duration(until.UnixMilli()-a.storedAt)*time.Millisecond)
	}
	if a.properties["REAL_TOPIC"] != laterTopic {
		t.Errorf("the message has not waited: %v", a.properties)
	}
	var properties []headers.Property
	for name, value := range a.properties {
		properties = append(properties, headers.Property{Name: name, Value: value})
	}
	msg, err := marshaler.Default{}.Unmarshal(laterTopic, marshaler.Message{Body: a.body, Properties: properties})
	if err != nil {
		t.Fatal(err)
	}
	if string(msg.Payload) != "a book" || msg.Metadata.Get(delay.DelayedForKey) != lasts {
		t.Errorf("payload %q, metadata %v", msg.Payload, msg.Metadata)
	}
	return msg
}
