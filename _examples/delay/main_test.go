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
				later := later{topic: laterTopic, first: time.Second, factor: 5, read: func(n int) []arrived {
					stored, err := cluster.AwaitMessages(t.Context(), laterTopic, n)
					if err != nil {
						t.Fatal(err)
					}
					var all []arrived
					for _, m := range stored {
						all = append(all, arrived{m.StoreTimestamp.UnixMilli(), m.Body, m.Properties})
					}
					return all
				}}
				if !later.test(t, publisher.Config{Cluster: cluster.Config()}) {
					t.Error("the message has not waited")
				}
			})
		})
	}
	for _, version := range []string{"5.5.0", "5.1.4", "4.9.7"} {
		t.Run("real "+version, func(t *testing.T) {
			realbroker.RequireVersion(t, version)
			cluster := realbroker.Start(t, realbroker.Config{Version: version})
			// A message that a busy machine publishes after its time does not wait: then it has
			// a time that is longer.
			for i, later := range []later{
				{topic: laterTopic, first: time.Second, factor: 5},
				{topic: laterTopic + "-2", first: 10 * time.Second, factor: 3},
				{topic: laterTopic + "-3", first: 10 * time.Second, factor: 3},
			} {
				cluster.CreateTopic(t, later.topic, 1)
				later.read = func(n int) []arrived {
					var all []arrived
					for _, m := range cluster.Read(t, later.topic, n) {
						all = append(all, arrived{m.StoreTimestamp, m.Body, m.Properties})
					}
					return all
				}
				if later.test(t, publisher.Config{
					// A busy machine has no message sent again, which may store it twice: neither as
					// time runs out, nor as a heartbeat that does takes the connection with it.
					Cluster:     rocketmq.Cluster{NameServers: cluster.NameServers(), VIPChannel: true},
					SendTimeout: time.Minute, AttemptTimeout: time.Minute,
				}) {
					return
				}
				t.Logf("try %d: a message has not waited for %v or for %v times as long", i+1, later.first, later.factor)
			}
			t.Error("messages have not waited")
		})
	}
}

// later is where messages wait, how long for the first time, by how much longer for the
// second, and what reads n that have arrived.
type later struct {
	topic  string
	first  time.Duration
	factor int
	read   func(n int) []arrived
}

// test reports whether messages have waited.
func (l later) test(t *testing.T, cfg publisher.Config) bool {
	t.Helper()
	putOff := middleware.DelayOnError{InitialInterval: l.first, MaxInterval: time.Hour, Multiplier: float64(l.factor)}
	pub, err := publisher.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	var out bytes.Buffer
	before := time.Now()
	if err := handleOnce(t.Context(), &out, pub, l.topic, putOff); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a book cannot be handled now\n" {
		t.Errorf("printed %q", &out)
	}
	first := l.arrival(t, 1, before.Add(l.first), l.first)
	if first == nil {
		return false
	}
	if reason := first.Metadata.Get(middleware.ReasonForPoisonedKey); reason != "the warehouse is closed" {
		t.Errorf("reason %q", reason)
	}

	// It fails again: the metadata that it has come back with says how much
	// longer to wait, and that it has waited before does not count.
	var failed time.Time
	later, err := middleware.PoisonQueue(pub, l.topic)
	if err != nil {
		t.Fatal(err)
	}
	_, err = later(putOff.Middleware(func(*message.Message) ([]*message.Message, error) {
		failed = time.Now()
		return nil, errors.New("still closed")
	}))(first)
	if err != nil {
		t.Fatal(err)
	}
	second := time.Duration(l.factor) * l.first
	return l.arrival(t, 2, failed.Add(second), second) != nil
}

// arrival checks the last of n messages of the topic, which must not have come before its
// time, and returns it, nil if it has not waited.
func (l later) arrival(t *testing.T, n int, until time.Time, lasts time.Duration) *message.Message {
	t.Helper()
	all := l.read(n)
	if len(all) != n {
		t.Fatalf("%d messages have arrived, want %d", len(all), n)
	}
	a := all[n-1]
	if a.storedAt < until.UnixMilli() {
		t.Errorf("%v early", time.Duration(until.UnixMilli()-a.storedAt)*time.Millisecond)
	}
	if a.properties["REAL_TOPIC"] != l.topic {
		t.Logf("the message has not waited: %v", a.properties)
		return nil
	}
	var properties []headers.Property
	for name, value := range a.properties {
		properties = append(properties, headers.Property{Name: name, Value: value})
	}
	msg, err := marshaler.Default{}.Unmarshal(l.topic, marshaler.Message{Body: a.body, Properties: properties})
	if err != nil {
		t.Fatal(err)
	}
	if string(msg.Payload) != "a book" || msg.Metadata.Get(delay.DelayedForKey) != lasts.String() {
		t.Errorf("payload %q, metadata %v", msg.Payload, msg.Metadata)
	}
	return msg
}
