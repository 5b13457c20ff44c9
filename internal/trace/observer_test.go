package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// sent is a message that was sent, and when.
type sent struct {
	topic, keys, body string
	at                time.Duration
}

// loss is a call of Config.Dropped.
type loss struct {
	records int
	cause   error
}

// observed is an Observer in a bubble of testing/synctest, the message.Publisher that it
// sends through, and what came of it.
type observed struct {
	*Observer
	began  time.Time
	before func(ctx context.Context) error // called with each message

	mu     sync.Mutex // guards what follows
	sent   []sent
	losses []loss
}

func observe(maxWaiting int, before func(context.Context) error) *observed {
	o := &observed{began: time.Now(), before: before}
	o.Observer = Start(Config{Publisher: o, Topic: "traces", MaxWaiting: maxWaiting, Dropped: o.dropped})
	return o
}

func (o *observed) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		at := time.Since(o.began)
		if o.before != nil {
			if err := o.before(m.Context()); err != nil {
				return err
			}
		}
		o.mu.Lock()
		o.sent = append(o.sent, sent{topic, m.UUID, string(m.Payload), at})
		o.mu.Unlock()
	}
	return nil
}

func (o *observed) Close() error { panic("an Observer closes no Publisher") }

func (o *observed) dropped(records int, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.losses = append(o.losses, loss{records, cause})
}

// messages returns what was sent until nothing moved any more, and lost what was lost.
func (o *observed) messages() []sent {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.sent)
}

func (o *observed) lost() []loss {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.losses)
}

// records counts the records in all that was sent.
func (o *observed) records() int {
	n := 0
	for _, s := range o.messages() {
		n += strings.Count(s.body, "\x02")
	}
	return n
}

func (o *observed) stored(n int) {
	for i := range n {
		o.Stored(&Message{Topic: "orders", ID: fmt.Sprintf("ID%d", i), Properties: headers.AppendProperty(nil, "KEYS", "key")})
	}
}

func (o *observed) closeNow() { o.CloseBy(time.Now()) }

// Records wait a second for others, and share a message with them.
func TestObserverGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(100, nil)
		began := time.UnixMilli(1795443880550)
		o.Stored(&Message{
			Began: began, Took: 109 * time.Millisecond, Region: "north", Group: "shop", Topic: "orders", ID: "ID1", StoreHost: "127.0.0.1:10911",
			BodyLength: 7, OffsetID: "O1", Durable: true, Properties: []byte("TAGS\x01paid\x02KEYS\x01a b\x02"),
		})
		time.Sleep(500 * time.Millisecond)
		o.Stored(&Message{Began: began, Group: "shop", Topic: "orders", ID: "ID2", Delayed: true, Properties: []byte("TRAN_MSG\x01true\x02")})
		time.Sleep(time.Second)
		require.Equal(t, []sent{{"traces", "ID1 a b ID2", "Pub\x011795443880550\x01north\x01shop\x01orders\x01ID1\x01paid\x01a b\x01127.0.0.1:10911\x017\x01109\x010\x01O1\x01true\x02" +
			"Pub\x011795443880550\x01DefaultRegion\x01shop\x01orders\x01ID2\x01null\x01null\x01\x010\x010\x013\x01\x01false\x02", time.Second}}, o.messages())
		o.stored(1)
		time.Sleep(time.Second)
		require.Len(t, o.messages(), 2)
		o.closeNow()
		require.Empty(t, o.lost())
	})
}

// A whole message does not wait.
func TestObserverSendsWholeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(10_000, nil)
		o.stored(2000)
		require.NotEmpty(t, o.messages())
		require.Zero(t, o.messages()[0].at)
		time.Sleep(gatherTime) // for what came after the first whole message was taken
		require.Greater(t, len(o.messages()), 1)
		require.Equal(t, 2000, o.records())
		o.closeNow()
		require.Empty(t, o.lost())
	})
}

// Records that are being sent take room, as those that wait do. The others are lost and
// told of.
func TestObserverIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(10, func(context.Context) error {
			time.Sleep(time.Second)
			return nil
		})
		o.stored(15)
		time.Sleep(1500 * time.Millisecond) // they are being sent
		o.stored(5)
		require.Equal(t, []loss{{5, ErrFull}}, o.lost())
		time.Sleep(2 * time.Second)
		require.Equal(t, []loss{{5, ErrFull}, {5, ErrFull}}, o.lost())
		o.stored(3)
		o.CloseBy(time.Now().Add(time.Minute))
		require.Equal(t, 13, o.records())
		require.Len(t, o.lost(), 2)
	})
}

// The records of a message that cannot be sent are lost, those of the next are sent.
func TestObserverCannotSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errNo := errors.New("no")
		calls := 0
		o := observe(10, func(context.Context) error {
			if calls++; calls == 1 {
				return errNo
			}
			return nil
		})
		o.stored(3)
		time.Sleep(time.Second)
		require.Equal(t, []loss{{3, errNo}}, o.lost())
		o.stored(10)
		time.Sleep(time.Second)
		require.Equal(t, 10, o.records(), "those that were lost have given back their room")
		o.closeNow()
		require.Len(t, o.lost(), 1)
	})
}

// CloseBy sends what waits, without waiting for more, and has no other time than it is
// given. What comes later is lost.
func TestObserverCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(10, nil)
		o.stored(7)
		began := time.Now()
		o.CloseBy(time.Now().Add(time.Minute))
		require.Zero(t, time.Since(began))
		require.Equal(t, 7, o.records())
		o.stored(1)
		require.Equal(t, 7, o.records())
		require.Empty(t, o.lost())

		hanging := observe(10, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		hanging.stored(7)
		began = time.Now()
		hanging.CloseBy(time.Now().Add(3 * time.Second))
		require.Equal(t, 3*time.Second, time.Since(began))
		require.Zero(t, hanging.records())
		require.Equal(t, []loss{{7, context.Canceled}}, hanging.lost())
	})
}

// Records that come while the last message is being sent are sent as well; one that comes
// after the last look is told of.
func TestObserverClosesAmongRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o *observed
		first := true
		o = observe(10, func(context.Context) error {
			if first {
				first = false
				o.stored(2)
			}
			return nil
		})
		o.stored(1)
		synctest.Wait()
		o.CloseBy(time.Now().Add(time.Minute))
		require.Equal(t, 3, o.records())

		o.stored(4)
		o.end()
		require.Equal(t, []loss{{4, ErrClosed}}, o.lost())
	})
}

// Messages to the trace topic are not traced.
func TestObserverTraces(t *testing.T) {
	o := &Observer{cfg: Config{Topic: "traces"}}
	require.True(t, o.Traces("orders"))
	require.True(t, o.Traces("trace"))
	require.False(t, o.Traces("traces"))
	require.False(t, o.Traces("traces-2"), "as in Java")
}

// An answer says of which region the broker is, and whether it wants traces. Java reads
// no other word than false so.
func TestReadAnswer(t *testing.T) {
	for on, want := range map[string]bool{"true": true, "false": false, "": true, "FALSE": true} {
		frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.Success, "", headers.FieldList{
			{Name: "MSG_REGION", Value: "north"}, {Name: "TRACE_ON", Value: on},
		}, nil)
		require.NoError(t, err)
		answer, err := headers.ParseFrame(frame[4:])
		require.NoError(t, err)
		region, wanted := ReadAnswer(&answer)
		require.Equal(t, "north", region)
		require.Equal(t, want, wanted, "TRACE_ON is %q", on)
	}
}

// What a broker fills in cannot make up fields or records.
func TestRecordOfForgedAnswer(t *testing.T) {
	for _, forged := range []string{"north\x01forged", "north\x02Pub\x01forged", "\xff", strings.Repeat("north", 52)} {
		r := recordOf(&Message{Region: forged, StoreHost: forged, OffsetID: forged})
		require.Equal(t, "DefaultRegion", r.region)
		require.Empty(t, r.storeHost)
		require.Empty(t, r.offsetID)
	}
	require.Len(t, recordOf(&Message{Region: strings.Repeat("n", 255)}).region, 255)
}

// A record costs its strings, and nothing besides.
func TestObserverAllocations(t *testing.T) {
	o := &Observer{cfg: Config{Topic: "traces", MaxWaiting: 1 << 20}, kick: make(chan struct{}, 1), full: make(chan struct{}, 1), waiting: make([]record, 0, 2000)}
	properties := []byte("UNIQ_KEY\x01ID\x02KEYS\x01k\x02")
	m := Message{Topic: "orders", ID: "ID", Properties: properties}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { o.Stored(&m) }), 1.0)
}
