package control_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

type fault struct {
	ID, Kind, Server, Topic, Remark string
	Requests                        []string
	Code                            *int
	Times, Hits                     int
	DelayMillis                     int64
	Spent                           bool
}

type faults struct{ Faults []fault }

// send makes one send to a broker, and returns how it was answered.
func (w *world) send(topic string) (headers.Command, error) {
	w.Helper()
	client := newClient(w)
	return client.Invoke(w.Context(), w.cluster.Broker(0).Addr(), &headers.SendMessage{
		ProducerGroup: "g", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueues: 1,
	}, []byte("x"))
}

func (w *world) stored(topic string) int {
	w.Helper()
	n, err := w.cluster.Stored(topic)
	require.NoError(w, err)
	return n
}

// Each kind of fault happens to a client's request, as often as it was asked for.
func TestFaultKinds(t *testing.T) {
	for _, one := range []struct {
		spec    string
		code    headers.ResponseCode
		remark  string
		dropped bool
		stored  int
	}{
		{`{"kind":"answer","code":2,"remark":"busy today","requests":["SEND"],"times":1}`, headers.SystemBusy, "busy today", false, 0},
		{`{"kind":"answer","code":"TOPIC_NOT_EXIST","times":1}`, headers.TopicNotExist, "", false, 0},
		{`{"kind":"storeThenAnswer","code":"FLUSH_DISK_TIMEOUT","requests":["SEND_MESSAGE_V2"],"times":1}`, headers.FlushDiskTimeout, "", false, 1},
		{`{"kind":"drop","requests":["310"],"times":1}`, 0, "", true, 0},
		{`{"kind":"storeThenDrop","topic":"orders","server":"broker-a","times":1}`, 0, "", true, 1},
		{`{"kind":"delay","delayMillis":20,"times":1}`, headers.Success, "", false, 1},
		{`{"kind":"delayAnswer","delayMillis":20,"times":1}`, headers.Success, "", false, 1},
	} {
		t.Run(one.spec, func(t *testing.T) {
			w := newWorld(t)
			w.ok(http.MethodPost, "/v1/faults", one.spec)
			began := time.Now()
			answer, err := w.send("orders")
			if one.dropped {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				require.Equal(t, one.code, headers.ResponseCode(answer.Code))
				if one.remark != "" {
					require.Equal(t, one.remark, string(answer.Remark))
				}
			}
			f := read[faults](w, "/v1/faults").Faults[0]
			require.Equal(t, 1, f.Hits)
			require.True(t, f.Spent)
			if f.DelayMillis > 0 {
				require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
			}
			require.Equal(t, one.stored, w.stored("orders"))
			answer, err = w.send("orders")
			require.NoError(t, err)
			require.Equal(t, headers.Success, headers.ResponseCode(answer.Code), "it is over")
		})
	}
}

func TestIgnore(t *testing.T) {
	w := newWorld(t)
	w.ok(http.MethodPost, "/v1/faults", `{"kind":"ignore","requests":["SEND"],"times":1}`)
	pub := w.publisherOf(publisher.Config{}) // whose attempts do not wait for ever
	require.NoError(t, pub.Publish("orders", message.NewMessage("1", nil)))
	require.Equal(t, 1, read[fault](w, "/v1/faults/1").Hits)
}

func TestFaultsAreListedAndRemoved(t *testing.T) {
	w := newWorld(t)
	answer := w.do(http.MethodPost, "/v1/faults", `{"kind":"answer","code":0,"requests":["SEND","PULL_MESSAGE"],"topic":"orders","times":3}`)
	require.Equal(t, http.StatusCreated, answer.StatusCode)
	require.Equal(t, "/v1/faults/1", answer.Header.Get("Location"))
	w.ok(http.MethodPost, "/v1/faults", `{"kind":"answer","code":2}`)
	first := read[fault](w, "/v1/faults/1")
	require.Equal(t, fault{ID: "1", Kind: "answer", Code: new(int), Requests: []string{"SEND", "PULL_MESSAGE"}, Topic: "orders", Times: 3}, first)
	require.Len(t, read[faults](w, "/v1/faults").Faults, 2)
	_, err := w.send("other")
	require.NoError(t, err)
	require.Zero(t, read[fault](w, "/v1/faults/1").Hits, "it is for another topic")
	require.Equal(t, 1, read[fault](w, "/v1/faults/2").Hits)
	w.ok(http.MethodDelete, "/v1/faults/1", "")
	w.refused(404, http.MethodDelete, "/v1/faults/1", "")
	w.refused(404, http.MethodGet, "/v1/faults/1", "")
	w.ok(http.MethodDelete, "/v1/faults", "")
	w.ok(http.MethodPost, "/v1/faults", `{"kind":"answer","code":"MESSAGE_ILLEGAL","requests":["SEND"],"topic":"shop.orders"}`)
	pub := w.publisher()
	var status *headers.StatusError
	require.ErrorAs(t, pub.Publish("shop.orders", message.NewMessage("1", nil)), &status, "it is a topic by Watermill's name")
	require.Equal(t, headers.MessageIllegal, status.Code)
	require.NoError(t, pub.Publish("shop.returns", message.NewMessage("1", nil)))
	w.ok(http.MethodDelete, "/v1/faults", "")
	require.Empty(t, read[faults](w, "/v1/faults").Faults)
	sent, err := w.send("orders")
	require.NoError(t, err)
	require.Equal(t, headers.Success, headers.ResponseCode(sent.Code))

	for range 1000 {
		w.ok(http.MethodPost, "/v1/faults", `{"kind":"drop"}`)
	}
	w.refused(409, http.MethodPost, "/v1/faults", `{"kind":"drop"}`)
	w.handler.Close()
	w.refused(503, http.MethodGet, "/v1/faults", "")
	w.refused(503, http.MethodPost, "/v1/faults", `{"kind":"drop"}`)
	_, err = w.send("orders")
	require.NoError(t, err, "the faults are gone")
}

func TestBadFaults(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{
		`{}`, `{"kind":"explode"}`, `{"kind":"answer"}`, `{"kind":"drop","code":1}`, `{"kind":"delay"}`, `{"kind":"drop","times":-1}`,
		`{"kind":"delay","delayMillis":-1}`, `{"kind":"delay","delayMillis":3600001}`, `{"kind":"delay","delayMillis":9223372036854775807}`,
		`{"kind":"drop","requests":["SENT"]}`, `{"kind":"answer","code":"BUSY"}`, `{"kind":"answer","code":{}}`, `{"kind":"answer","code":1.5}`,
		`{"kind":"answer","code":99999999999}`, `{"kind":"drop","requests":["99999999999"]}`,
		`{"kind":"drop"}{}`, `{"kind":"drop"`, `[]`, `null`, `{"kind":"answer","code":null}`, `{"kind":null}`,
		`{"kind":"drop","requests":[10.5]}`, `{"kind":"drop","requests":[99999999999]}`, `{"kind":"drop","requests":[null]}`, `{"kind":"drop","requests":[{}]}`,
		`{"kind":"drop","server":"broker-z"}`, `{"kind":"drop","server":"BROKER-A"}`,
	} {
		w.refused(400, http.MethodPost, "/v1/faults", bad)
	}
	require.Empty(t, read[faults](w, "/v1/faults").Faults)
	for i, good := range []string{
		`{"kind":"drop","requests":["200050","POP","ACK","PULL"]}`, `{"kind":"drop","requests":["POP_MESSAGE"]}`, `{"kind":"drop","server":"nameserver-0"}`,
		// As Jackson writes an object that has more than is wanted.
		`{"kind":"drop","code":null,"remark":null,"requests":null,"server":null,"topic":null,"times":null,"delayMillis":null}`,
	} {
		w.ok(http.MethodPost, "/v1/faults", good)
		require.Equal(t, "drop", read[fault](w, "/v1/faults/"+strconv.Itoa(i+1)).Kind)
	}
	require.Equal(t, fault{ID: "4", Kind: "drop"}, read[fault](w, "/v1/faults/4"), "null is as if it were not there")
}

// Request codes may be numbers or texts.
func TestFaultNumbers(t *testing.T) {
	w := newWorld(t)
	w.ok(http.MethodPost, "/v1/faults", `{"kind":"answer","code":"2","requests":[310, "SEND_BATCH_MESSAGE"],"times":1}`)
	require.Equal(t, []string{"310", "SEND_BATCH_MESSAGE"}, read[fault](w, "/v1/faults/1").Requests)
	answer, err := w.send("orders")
	require.NoError(t, err)
	require.Equal(t, headers.SystemBusy, headers.ResponseCode(answer.Code))
	_, text := w.try(http.MethodGet, "/faults", "")
	require.Contains(t, text, "310, SEND_BATCH_MESSAGE")
}

// A fault of a topic happens to requests that name the topic elsewhere than in a field of
// that name.
func TestFaultTopics(t *testing.T) {
	acks := headers.BatchAckData{BrokerName: "broker-a"}
	for _, topic := range []string{"returns", "orders"} {
		acks.Entries = append(acks.Entries, headers.BatchAckEntry{ConsumerGroup: "billing", Topic: topic, Offsets: headers.OffsetSet{1}})
	}
	for name, one := range map[string]struct {
		request headers.Request
		body    []byte
	}{
		"batch ack": {headers.BatchAck{}, acks.Encode()},
		"reply":     {&headers.SendMessage{ProducerGroup: "g", Topic: "orders", DefaultTopic: "TBW102", DefaultTopicQueues: 1, Reply: true}, []byte("x")},
		"send back": {&headers.ConsumerSendBack{ConsumerGroup: "billing", OriginTopic: "orders", DelayLevel: 1}, nil},
		"send":      {&headers.SendMessage{ProducerGroup: "g", Topic: "orders", DefaultTopic: "TBW102", DefaultTopicQueues: 1}, []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ok(http.MethodPost, "/v1/faults", `{"kind":"answer","code":"FLUSH_DISK_TIMEOUT","topic":"others"}`)
			w.ok(http.MethodPost, "/v1/faults", `{"kind":"answer","code":"SERVICE_NOT_AVAILABLE","topic":"orders"}`)
			answer, err := newClient(w).Invoke(t.Context(), w.cluster.Broker(0).Addr(), one.request, one.body)
			require.NoError(t, err)
			require.Equal(t, headers.ServiceNotAvailable, headers.ResponseCode(answer.Code))
			require.Zero(t, read[fault](w, "/v1/faults/1").Hits)
		})
	}
}

// A Handler that nobody has asked for faults costs requests nothing, and two of them know
// nothing of each other's.
func TestTwoHandlers(t *testing.T) {
	w := newWorld(t)
	other, err := control.New(w.cluster, control.Config{})
	require.NoError(t, err)
	two := &world{t, w.cluster, other}
	w.ok(http.MethodPost, "/v1/faults", `{"kind":"answer","code":2,"requests":["SEND"]}`)
	require.Empty(t, read[faults](two, "/v1/faults").Faults)
	two.ok(http.MethodDelete, "/v1/faults", "")
	answer, err := w.send("orders")
	require.NoError(t, err)
	require.Equal(t, headers.SystemBusy, headers.ResponseCode(answer.Code))
	w.handler.Close()
	answer, err = w.send("orders")
	require.NoError(t, err)
	require.Equal(t, headers.Success, headers.ResponseCode(answer.Code))
	require.Equal(t, embedded.Well, w.cluster.Broker(0).Condition())
}
