package control_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

type cluster struct {
	Version     string
	Now         time.Time
	NameServers []struct {
		Name, Addr string
		Running    bool
	}
	Brokers []struct {
		Name, Addr, Condition string
		Running               bool
		Connections           int
		Requests              map[string]int
	}
}

func TestCluster(t *testing.T) {
	w := newWorld(t, embedded.WithBrokers(2))
	c := read[cluster](w, "/v1/cluster")
	require.Equal(t, "5.5.0", c.Version)
	require.WithinDuration(t, time.Now(), c.Now, time.Minute)
	require.Len(t, c.NameServers, 1)
	require.True(t, c.NameServers[0].Running)
	require.Equal(t, w.cluster.NameServers()[0], c.NameServers[0].Addr)
	require.Len(t, c.Brokers, 2)
	require.Equal(t, "broker-b", c.Brokers[1].Name)
	require.True(t, c.Brokers[1].Running)
	require.Equal(t, "well", c.Brokers[1].Condition)
	require.Zero(t, c.Brokers[1].Connections)

	for _, step := range []struct {
		do      string
		running bool
	}{{"stop", false}, {"start", true}, {"start", true}, {"kill", false}, {"start", true}, {"drop-connections", true}} {
		w.ok(http.MethodPost, "/v1/brokers/broker-b/"+step.do, "")
		require.Equal(t, step.running, w.cluster.Broker(1).Running(), step.do)
		require.Equal(t, step.running, read[cluster](w, "/v1/cluster").Brokers[1].Running)
		require.True(t, w.cluster.Broker(0).Running())
	}
	w.ok(http.MethodPost, "/v1/nameservers/nameserver-0/stop", "{}")
	require.False(t, w.cluster.NameServer(0).Running())
	w.ok(http.MethodPost, "/v1/nameservers/nameserver-0/start", "")
	require.True(t, w.cluster.NameServer(0).Running())
	for _, condition := range []string{"busy", "diskFull", "goingAway", "hanging"} {
		w.ok(http.MethodPut, "/v1/brokers/broker-a/condition", `{"condition":"`+condition+`"}`)
		require.Equal(t, condition, read[cluster](w, "/v1/cluster").Brokers[0].Condition)
	}
	require.Equal(t, embedded.Hanging, w.cluster.Broker(0).Condition())

	w.ok(http.MethodPost, "/v1/brokers/broker-b/kill", "")
	w.ok(http.MethodPost, "/v1/nameservers/nameserver-0/stop", "")
	w.ok(http.MethodPost, "/v1/faults", `{"kind":"drop"}`)
	w.ok(http.MethodPost, "/v1/cluster/reset", "")
	require.Equal(t, embedded.Well, w.cluster.Broker(0).Condition())
	require.True(t, w.cluster.Broker(1).Running())
	require.True(t, w.cluster.NameServer(0).Running())
	require.Contains(t, w.ok(http.MethodGet, "/v1/faults", ""), `"faults": []`)

	require.Contains(t, w.refused(404, http.MethodPost, "/v1/brokers/broker-z/stop", ""), `"broker-z"`)
	w.refused(404, http.MethodPut, "/v1/brokers/broker-z/condition", `{"condition":"busy"}`)
	w.refused(404, http.MethodPost, "/v1/nameservers/broker-a/stop", "")
	w.refused(404, http.MethodPost, "/v1/nameservers/broker-a/start", "")
	require.Contains(t, w.refused(400, http.MethodPut, "/v1/brokers/broker-a/condition", `{"condition":"tired"}`), "hanging")
	w.refused(400, http.MethodPost, "/v1/brokers/broker-a/stop", `{"now":true}`)
	require.True(t, w.cluster.Broker(0).Running())
}

func TestAdvance(t *testing.T) {
	w := newWorld(t)
	msg := message.NewMessage("later", []byte("a reminder"))
	delay.Message(msg, delay.For(2*time.Hour))
	w.publish("orders", msg)
	stored, err := w.cluster.WatermillMessages("orders")
	require.NoError(t, err)
	require.Empty(t, stored)
	before := w.cluster.Now()
	w.ok(http.MethodPost, "/v1/clock/advance", `{"millis":10800000}`)
	require.WithinDuration(t, before.Add(3*time.Hour), read[cluster](w, "/v1/cluster").Now, time.Minute)
	stored, err = w.cluster.WatermillMessages("orders")
	require.NoError(t, err)
	require.Len(t, stored, 1)
	for _, bad := range []string{`{"millis":0}`, `{"millis":-1}`, `{"millis":9223372036854775807}`, `{"millis":"1"}`, `{}`, ``} {
		status, _ := w.try(http.MethodPost, "/v1/clock/advance", bad)
		require.Contains(t, []int{400, 415}, status, bad)
	}
}

type topic struct {
	Name, WatermillName string
	System              bool
	Stored, Delivered   int64
	Messages            int64
	Queues              []struct {
		Broker               string
		Queue                int32
		MinOffset, MaxOffset int64
		Delivered            int64
		LastStored           *time.Time
	}
}

type topics struct{ Topics []topic }

func TestTopics(t *testing.T) {
	w := newWorld(t, embedded.WithRetention(2))
	w.ok(http.MethodPut, "/v1/topics/returns", `{"queues":1}`)
	pub := w.publisher()
	w.introduce(pub)
	for range 3 {
		require.NoError(t, pub.Publish("returns", message.NewMessage("1", []byte("x"))))
	}
	require.NoError(t, pub.Publish("shop.orders <new>", message.NewMessage("1", []byte("x"))))
	list := read[topics](w, "/v1/topics").Topics
	byName := make(map[string]topic)
	for _, one := range list {
		byName[one.Name] = one
	}
	require.Equal(t, "shop.orders <new>", byName["_wm_shop-2Eorders-20-3Cnew-3E"].WatermillName)
	require.True(t, byName["TBW102"].System)
	require.Len(t, byName["orders"].Queues, 2)
	require.Nil(t, byName["orders"].Queues[1].LastStored)
	returns := read[topic](w, "/v1/topics/returns")
	require.Equal(t, byName["returns"], returns)
	require.EqualValues(t, 3, returns.Stored)
	require.EqualValues(t, 2, returns.Messages)
	require.Equal(t, "broker-a", returns.Queues[0].Broker)
	require.EqualValues(t, 1, returns.Queues[0].MinOffset)
	require.EqualValues(t, 3, returns.Queues[0].MaxOffset)
	require.WithinDuration(t, time.Now(), *returns.Queues[0].LastStored, time.Minute)
	require.True(t, list[len(list)-1].System, "RocketMQ's own come last")

	w.ok(http.MethodPut, "/v1/topics/returns", `{"queues":3}`)
	require.Len(t, read[topic](w, "/v1/topics/returns").Queues, 3)
	w.ok(http.MethodPut, "/v1/topics/%25RETRY%25billing", `{"queues":1}`)
	require.True(t, read[topic](w, "/v1/topics/%25RETRY%25billing").System)
	w.ok(http.MethodDelete, "/v1/topics/returns", "")
	w.refused(404, http.MethodDelete, "/v1/topics/returns", "")
	w.refused(404, http.MethodGet, "/v1/topics/returns", "")
	require.Equal(t, byName["_wm_shop-2Eorders-20-3Cnew-3E"], read[topic](w, "/v1/topics/shop.orders%20%3Cnew%3E"), "Watermill's names are understood")
	require.Len(t, read[messages](w, "/v1/messages?name=1&topic=shop.orders%20%3Cnew%3E").Messages, 1)
	w.ok(http.MethodPut, "/v1/topics/shop.returns", `{"queues":1}`)
	require.Len(t, w.cluster.Broker(0).Queues("_wm_shop-2Ereturns"), 1)
	require.Contains(t, w.refused(400, http.MethodPut, "/v1/topics/%25DLQ%25a.b", `{"queues":1}`), "%DLQ%a.b")
	w.refused(400, http.MethodPut, "/v1/topics/few", `{"queues":0}`)
	w.refused(400, http.MethodPut, "/v1/topics/many", `{"queues":1025}`)
	w.refused(400, http.MethodPut, "/v1/topics/typo", `{"queue":1}`)
}

type group struct {
	Name, ConsumeType, MessageModel string
	Lag                             int64
	Members                         []struct {
		ClientID, Addr, Language, Version string
		Brokers                           []string
	}
	Subscriptions []struct{ Topic, Expression string }
	Queues        []struct {
		Topic, Broker           string
		Queue                   int32
		MaxOffset               int64
		Committed, Unacked, Lag *int64
	}
}

type groups struct{ Groups []group }

type clients struct {
	Clients []struct {
		Server, Addr, ClientID, Language, Version string
		ProducerGroups, ConsumerGroups            []string
	}
}

func TestGroupsAndClients(t *testing.T) {
	w := newWorld(t, embedded.WithBrokers(2))
	require.Empty(t, read[groups](w, "/v1/groups").Groups)
	require.Empty(t, read[clients](w, "/v1/clients").Clients)
	pub := w.publisher()
	w.introduce(pub)
	for range 40 {
		require.NoError(t, pub.Publish("orders", message.NewMessage("1", []byte("x"))))
	}
	sub, err := subscriber.New(subscriber.Config{
		Cluster: w.cluster.Config(), Group: "billing-eu", Engine: subscriber.Pull, CommitInterval: 50 * time.Millisecond,
		StartTimeout: patience, RequestTimeout: patience,
	}, nil)
	require.NoError(t, err)
	defer sub.Close()
	messages, err := sub.Subscribe(t.Context(), "orders")
	require.NoError(t, err)
	for range 15 {
		msg, ok := <-messages
		require.True(t, ok)
		msg.Ack()
	}
	var g group
	require.EventuallyWithT(t, func(c *assert.CollectT) { // the two are read one after the other
		g = read[group](w, "/v1/groups/billing%2Deu")
		assert.EqualValues(c, 25, g.Lag)
		assert.True(c, len(g.Members) == 1 && len(g.Members[0].Brokers) == 2)
		assert.Equal(c, g, read[groups](w, "/v1/groups").Groups[0])
	}, patience, 5*time.Millisecond)
	require.Equal(t, "CLUSTERING", g.MessageModel)
	require.Equal(t, "CONSUME_PASSIVELY", g.ConsumeType)
	require.Contains(t, g.Subscriptions, struct{ Topic, Expression string }{"orders", "*"})
	var lag int64
	for _, q := range g.Queues {
		if q.Topic != "orders" || q.Committed == nil {
			continue
		}
		require.Equal(t, q.MaxOffset-*q.Committed, *q.Lag)
		require.Nil(t, q.Unacked)
		lag += *q.Lag
	}
	require.EqualValues(t, 25, lag)

	require.NoError(t, w.cluster.Broker(0).AwaitProducer(t.Context(), "shop"))
	var produces, consumes bool
	for _, c := range read[clients](w, "/v1/clients").Clients {
		require.NotEmpty(t, c.Addr)
		require.Contains(t, []string{"broker-a", "broker-b"}, c.Server)
		if len(c.ConsumerGroups) > 0 {
			require.Equal(t, []string{"billing-eu"}, c.ConsumerGroups)
			require.Equal(t, g.Members[0].ClientID, c.ClientID)
			consumes = true
		}
		if len(c.ProducerGroups) > 0 {
			require.Equal(t, []string{"shop"}, c.ProducerGroups)
			require.Equal(t, "GO", c.Language)
			require.NotEmpty(t, c.Version)
			produces = true
		}
	}
	require.True(t, produces)
	require.True(t, consumes)
	w.refused(404, http.MethodGet, "/v1/groups/none", "")
}

func TestRates(t *testing.T) {
	w := newWorld(t)
	pub := w.publisher()
	require.NoError(t, pub.Publish("orders", message.NewMessage("before", nil)))
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				err = pub.Publish("orders", message.NewMessage("1", []byte("x")))
			}
		}
		stopped <- err
	}()
	type rates struct {
		Millis int64
		Rates  []struct {
			Topic                     string
			InPerSecond, OutPerSecond float64
		}
	}
	orders := 0.0
	for end := time.Now().Add(patience); orders == 0; { // on a busy machine nothing may come in 50 ms
		require.True(t, time.Now().Before(end), "the topic has no rate")
		r := read[rates](w, "/v1/rates?millis=50")
		require.EqualValues(t, 50, r.Millis)
		for _, one := range r.Rates {
			require.Zero(t, one.OutPerSecond)
			if one.Topic == "orders" {
				orders = one.InPerSecond
			} else {
				require.Zero(t, one.InPerSecond, one.Topic)
			}
		}
	}
	require.Positive(t, orders)
	close(stop)
	require.NoError(t, <-stopped)
	w.refused(400, http.MethodGet, "/v1/rates?millis=0", "")
	w.refused(400, http.MethodGet, "/v1/rates?millis=10001", "")
	w.refused(400, http.MethodGet, "/v1/rates?millis=soon", "")
}

type stored struct {
	Topic, Broker                          string
	Queue                                  int32
	Offset                                 int64
	UUID, UniqueKey, OffsetMessageID, Keys string
	Tags                                   string
	BodySize                               int
	Properties                             map[string]string
	Payload                                struct {
		Format, Text, Base64, Error string
		Size                        int
		Truncated                   bool
	}
}

type messages struct{ Messages []stored }

func TestMessages(t *testing.T) {
	w := newWorld(t)
	w.ok(http.MethodPut, "/v1/topics/one", `{"queues":1}`)
	long := strings.Repeat("ä", 20_000)
	pub := w.publisherOf(publisher.Config{
		AttemptTimeout: patience, Compression: publisher.CompressionConfig{Threshold: 1000},
	})
	w.introduce(pub)
	payloads := []string{`{"id": 12345678901234567890}`, "plain <b>", "\x00\xff", "", long, `"quoted"`}
	formats := []string{"json", "text", "binary", "none", "text", "text"}
	for i, payload := range payloads {
		msg := message.NewMessage("uuid "+string(rune('a'+i)), []byte(payload))
		msg.Metadata.Set("colour", "green\x01")

		require.NoError(t, pub.Publish("one", msg))
	}
	list := read[messages](w, "/v1/topics/one/messages").Messages
	require.Len(t, list, len(payloads))
	for i, m := range list {
		require.EqualValues(t, i, m.Offset)
		require.Equal(t, "one", m.Topic)
		require.Equal(t, "broker-a", m.Broker)
		require.Equal(t, "uuid "+string(rune('a'+i)), m.UUID)
		require.Equal(t, formats[i], m.Payload.Format, i)
		require.Equal(t, len(payloads[i]), m.Payload.Size)
		switch {
		case m.Payload.Format == "binary":
			require.Equal(t, base64.StdEncoding.EncodeToString([]byte(payloads[i])), m.Payload.Base64)
		case m.Payload.Truncated:
			require.Equal(t, long, payloads[i])
			require.Less(t, m.BodySize, 1000, "it is stored compressed")
			require.True(t, strings.HasPrefix(long, m.Payload.Text))
			require.InDelta(t, 16<<10, len(m.Payload.Text), 2)
		default:
			require.Equal(t, payloads[i], m.Payload.Text)
		}
		require.Equal(t, m.UniqueKey, m.Properties["UNIQ_KEY"])
	}
	require.Equal(t, long, read[stored](w, "/v1/topics/one/messages/broker-a/0/4").Payload.Text)
	some := read[messages](w, "/v1/topics/one/messages?broker=broker-a&queue=0&offset=2&limit=3").Messages
	require.Equal(t, list[2:5], some)
	require.Empty(t, read[messages](w, "/v1/topics/one/messages?offset=6").Messages)

	for _, name := range []string{"uuid%20b", list[1].UniqueKey, list[1].OffsetMessageID} {
		require.Equal(t, []stored{list[1]}, read[messages](w, "/v1/messages?name="+name).Messages, name)
		require.Equal(t, []stored{list[1]}, read[messages](w, "/v1/messages?topic=one&name="+name).Messages, name)
		require.Empty(t, read[messages](w, "/v1/messages?topic=orders&name="+name).Messages, name)
	}
	w.refused(400, http.MethodGet, "/v1/messages", "")
	w.refused(404, http.MethodGet, "/v1/messages?name=a&topic=none", "")
	w.refused(400, http.MethodGet, "/v1/messages?name=a&limit=101", "")
	w.refused(404, http.MethodGet, "/v1/topics/none/messages", "")
	w.refused(404, http.MethodGet, "/v1/topics/one/messages?broker=broker-z", "")
	require.Contains(t, w.refused(404, http.MethodGet, "/v1/topics/one/messages?queue=9", ""), "no queue 9")
	w.refused(400, http.MethodGet, "/v1/topics/one/messages?offset=-1", "")
	w.refused(400, http.MethodGet, "/v1/topics/one/messages?queue=2147483648", "")
	w.refused(404, http.MethodGet, "/v1/topics/one/messages/broker-a/0/6", "")
	w.refused(404, http.MethodGet, "/v1/topics/one/messages/broker-z/0/0", "")
	w.refused(400, http.MethodGet, "/v1/topics/one/messages/broker-a/x/0", "")
	w.refused(400, http.MethodGet, "/v1/topics/one/messages/broker-a/0/x", "")
}
