package realbroker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"
)

// StoredMessage is a message as the Java client gets it from a broker.
type StoredMessage struct {
	Topic      string `json:"topic"`
	BrokerName string `json:"brokerName"` // known to Read only
	QueueID    int32  `json:"queueId"`
	// QueueOffset counts the messages of the queue.
	QueueOffset int64 `json:"queueOffset"`
	// CommitLogOffset is the message's place in the broker's log, in bytes.
	CommitLogOffset int64 `json:"commitLogOffset"`
	// MsgID is the unique id that the sender gave, or the broker's where it gave
	// none. OffsetMsgID is always the broker's.
	MsgID       string `json:"msgId"`
	OffsetMsgID string `json:"offsetMsgId"`
	Keys        string `json:"keys"`
	Tags        string `json:"tags"`
	Flag        int32  `json:"flag"`
	// SysFlag tells, among others, how the body was compressed.
	SysFlag        int32  `json:"sysFlag"`
	BornTimestamp  int64  `json:"bornTimestamp"`
	BornHost       string `json:"bornHost"`
	StoreTimestamp int64  `json:"storeTimestamp"`
	// StoreSize is what the message takes in the broker's log, its body
	// compressed if it came so.
	StoreSize                 int32 `json:"storeSize"`
	BodyCRC                   int32 `json:"bodyCrc"`
	ReconsumeTimes            int32 `json:"reconsumeTimes"`
	PreparedTransactionOffset int64 `json:"preparedTransactionOffset"`
	// Body is decompressed by the Java client; nil if it gave null.
	Body []byte `json:"body"`
	// Properties are all that were stored, without those that the client adds.
	Properties map[string]string `json:"properties"`
}

// SendResult is what the Java producer got for one message, or for one batch;
// the ids of a batch are joined by commas.
type SendResult struct {
	Status        string `json:"status"`
	MsgID         string `json:"msgId"`
	OffsetMsgID   string `json:"offsetMsgId"`
	Topic         string `json:"topic"`
	BrokerName    string `json:"brokerName"`
	QueueID       int32  `json:"queueId"`
	QueueOffset   int64  `json:"queueOffset"`
	TransactionID string `json:"transactionId"`
	RegionID      string `json:"regionId"`
}

// Reserved are the names that RocketMQ keeps for itself.
type Reserved struct {
	// MessageConst has the value of every String constant of the class.
	MessageConst []string `json:"messageConst"`
	// StringHashSet has the property names that a user may not set.
	StringHashSet []string `json:"stringHashSet"`
	// SystemTopics are the topics of the servers, NotAllowedSend those of them
	// that nobody may send to.
	SystemTopics   []string `json:"systemTopics"`
	NotAllowedSend []string `json:"notAllowedSend"`
}

// Read returns all messages of a topic, ordered by queue. It waits up to
// three minutes for the expected number, because messages become visible a moment
// after the send was answered, and returns what there is then, more or fewer.
// With 0 it does not wait. A topic that does not exist has no messages.
func (w *Witness) Read(t testing.TB, topic string, expect int) []StoredMessage {
	t.Helper()
	messages := lines[StoredMessage](t, w.Run(t, "read", topic, "--expect", strconv.Itoa(expect)))
	// Several rounds of waiting leave them in the order they were found in.
	slices.SortStableFunc(messages, compareByQueue)
	return messages
}

// ReadTagged is Read of a consumer that subscribes to some tags, such as "a || b".
func (w *Witness) ReadTagged(t testing.TB, topic, tags string, expect int) []StoredMessage {
	t.Helper()
	messages := lines[StoredMessage](t, w.Run(t, "read", topic, "--tags", tags, "--expect", strconv.Itoa(expect)))
	slices.SortStableFunc(messages, compareByQueue)
	return messages
}

// SendBack hands the messages of a topic back to the broker, as a consumer of the
// group does with what it could not consume. After a second the broker puts them
// into the topic %RETRY%group.
func (w *Witness) SendBack(t testing.TB, topic, group string) {
	t.Helper()
	w.Run(t, "send-back", topic, group)
}

// QueryKey returns the messages with a key, by the broker's index, as mqadmin
// queryMsgByKey does. It waits up to three minutes until there is one, because the
// index is behind the log.
func (w *Witness) QueryKey(t testing.TB, topic, key string) []StoredMessage {
	t.Helper()
	return lines[StoredMessage](t, w.Run(t, "query-key", topic, key))
}

// QueryID returns the message with a unique id, by the broker's index, as
// mqadmin queryMsgByUniqueKey does. It waits up to three minutes for it. There is
// one message in the result, or none.
func (w *Witness) QueryID(t testing.TB, topic, id string) []StoredMessage {
	t.Helper()
	return lines[StoredMessage](t, w.Run(t, "query-id", topic, id))
}

// View returns the message that an offset message id points to.
func (w *Witness) View(t testing.TB, topic, offsetMsgID string) []StoredMessage {
	t.Helper()
	return lines[StoredMessage](t, w.Run(t, "view", topic, offsetMsgID))
}

// JavaProduce sends messages by the Java producer: the body of number i is
// java-i, its key key-i, its property n is i. Options are those of the produce
// command: --batch, --oneway (which has no results), --tag T, --hash KEY (to
// the queue that SelectMessageQueueByHash picks), --size N, which fills bodies up
// to a size, --namespace NS, --namespace-v2 NS (clients since 5.2.0), --group
// NAME, --vip, which sends to the brokers' VIP port, --compression ZLIB, LZ4 or
// ZSTD (clients since 5.0.0), and --property NAME=VALUE.
func (w *Witness) JavaProduce(t testing.TB, topic string, count int, options ...string) []SendResult {
	t.Helper()
	args := append([]string{"produce", topic, strconv.Itoa(count)}, options...)
	return lines[SendResult](t, w.Run(t, args...))
}

// Reply is what the Java producer got for a request.
type Reply struct {
	StoredMessage
	// Timeout is why there is none, if there is none. Unsent is why the request was not sent,
	// if it was not: its time may have been over before.
	Timeout string `json:"timeout"`
	Unsent  string `json:"unsent"`
}

// JavaRequest makes requests by the Java producer, one after the other, and returns what
// became of each: the body of number i is java-i, padded with dots to size, its property n
// is i.
func (w *Witness) JavaRequest(t testing.TB, topic string, count, size int, timeout time.Duration) []Reply {
	t.Helper()
	return lines[Reply](t, w.Run(t, "request", topic, strconv.Itoa(count),
		"--size", strconv.Itoa(size), "--timeout-ms", strconv.FormatInt(timeout.Milliseconds(), 10)))
}

// Producers returns the client ids that are connected for a producer group, of
// all brokers together, sorted, each once.
func (w *Witness) Producers(t testing.TB, group string) []string {
	t.Helper()
	type connection struct {
		ClientID string `json:"clientId"`
	}
	ids := []string{}
	for _, c := range lines[connection](t, w.Run(t, "producers", group)) {
		ids = append(ids, c.ClientID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// CreateTopic creates a topic with a number of queues on every broker. The
// attributes, such as +message.type=FIFO, are for 5.x.
func (w *Witness) CreateTopic(t testing.TB, name string, queues int, attributes ...string) {
	t.Helper()
	w.Run(t, append([]string{"create-topic", name, strconv.Itoa(queues)}, attributes...)...)
}

// CreateGroup creates a consumer group on every broker. Its messages are tried again
// retryMaxTimes times before they are dead letters; the broker's default, 16, if that is
// negative.
func (w *Witness) CreateGroup(t testing.TB, name string, retryMaxTimes int) {
	t.Helper()
	args := []string{"create-group", name}
	if retryMaxTimes >= 0 {
		args = append(args, "--retry-max-times", strconv.Itoa(retryMaxTimes))
	}
	w.Run(t, args...)
}

// Queue is a queue of a topic on one broker.
type Queue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
}

// Queues returns what Java clients make of the topic's route: the queues that
// producers write, in their order, and those that consumers read, sorted by broker
// name, then id.
func (w *Witness) Queues(t testing.TB, topic string) (write, read []Queue) {
	t.Helper()
	type seen struct {
		View string `json:"view"`
		Queue
	}
	for _, line := range lines[seen](t, w.Run(t, "queues", topic)) {
		if line.View == "write" {
			write = append(write, line.Queue)
		} else {
			read = append(read, line.Queue)
		}
	}
	return write, read
}

// Topics returns the names of all topics.
func (w *Witness) Topics(t testing.TB) []string {
	t.Helper()
	type topic struct {
		Topic string `json:"topic"`
	}
	var names []string
	for _, line := range lines[topic](t, w.Run(t, "topics")) {
		names = append(names, line.Topic)
	}
	return names
}

// Reserved returns the names that this version of RocketMQ keeps for itself.
func (w *Witness) Reserved(t testing.TB) Reserved {
	t.Helper()
	return lines[Reserved](t, w.Run(t, "reserved"))[0]
}

// Properties decodes property strings, as they are on the wire, by the official
// decoder.
func (w *Witness) Properties(t testing.TB, encoded ...[]byte) []map[string]string {
	t.Helper()
	type result struct {
		Properties map[string]string `json:"properties"`
	}
	var decoded []map[string]string
	for _, line := range lines[result](t, w.runInput(t, notNil(encoded), "properties")) {
		decoded = append(decoded, line.Properties)
	}
	return decoded
}

// Decompress decompresses bodies by the official code for zlib, lz4 or zstd.
func (w *Witness) Decompress(t testing.TB, compression string, bodies ...[]byte) [][]byte {
	t.Helper()
	type result struct {
		Body []byte `json:"body"`
	}
	var decompressed [][]byte
	for _, line := range lines[result](t, w.runInput(t, notNil(bodies), "decompress", compression)) {
		decompressed = append(decompressed, line.Body)
	}
	return decompressed
}

// notNil keeps the command waiting for the end of its input apart from one that
// has none.
func notNil(input [][]byte) [][]byte {
	return append([][]byte{}, input...)
}

func compareByQueue(a, b StoredMessage) int {
	return cmp.Or(
		cmp.Compare(a.BrokerName, b.BrokerName),
		cmp.Compare(a.QueueID, b.QueueID),
		cmp.Compare(a.QueueOffset, b.QueueOffset),
	)
}

// lines decodes one JSON object after the other.
func lines[T any](t testing.TB, out []byte) []T {
	t.Helper()
	var all []T
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var one T
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("realbroker: bad output of the witness: %v", err)
		}
		all = append(all, one)
	}
}
