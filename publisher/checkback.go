package publisher

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

const (
	// maxWaitingCheckbacks is how many checks may wait for their turn.
	maxWaitingCheckbacks = 1024
	// maxCheckbackBytes is how many bytes those that wait or are being worked on may
	// have together, as many as messages may by default (Config.Waiting).
	maxCheckbackBytes = 64 << 20
	// maxCheckbackText is the most bytes of an id or a name in the header of a check.
	// RocketMQ's are at most 255 long.
	maxCheckbackText = 1024
	// endTimeout bounds the answer to a check.
	endTimeout = 3 * time.Second
)

// checkbacks answers the checks of brokers. Readers of connections hand them over;
// goroutines of its own, at most Config.Transaction.Concurrency, run while
// there are any, and stop waits for them.
type checkbacks struct {
	p       *Publisher
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	strange sync.Once // to be asked, without a Config.Transaction.Check
	room    *receive.Room

	mu      sync.Mutex // guards what follows, and inquiries
	waiting []*inquiry
	// byKey has every inquiry that waits or is being worked on.
	byKey   map[string]*inquiry
	count   int // questions that wait
	bytes   int // of these and of those that are being worked on
	workers int
	stopped bool
}

// question is what a broker wants to know of one half message. It is not changed
// once it is in an inquiry.
type question struct {
	id    string // unique id of the message
	key   string // the same, or where the message has none, its offset message id
	topic string // as the broker wrote it
	place halfPlace
	half  halfIdentity
	body  []byte // the half message, stored
}

// halfIdentity is what half messages of one id differ in, and what stays when a
// broker writes one anew: the attempt that sent it.
type halfIdentity struct {
	addr string // of the broker
	born int64  // milliseconds since 1970
	host netip.AddrPort
}

// inquiry is the questions about one transaction, which one goroutine answers. There
// are several where half messages were sent again under one id. A broker that does
// not get its answer in time asks again, and has moved the half message then.
type inquiry struct {
	key   string
	asked *question // the one that is being worked on, if any is
	// waiting has those that nobody has looked at, one for each half message: the
	// latest.
	waiting []*question
}

// find returns where the question about that half message waits, -1 if none does.
func (q *inquiry) find(half halfIdentity) int {
	return slices.IndexFunc(q.waiting, func(w *question) bool { return w.half == half })
}

func newCheckbacks(p *Publisher) *checkbacks {
	c := &checkbacks{p: p, byKey: make(map[string]*inquiry), room: receive.NewRoom(maxUnpacked)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// claim is how good the publisher's claim to a check is: not at all if the half message is
// of another group, and best if the transaction is open here.
func (c *checkbacks) claim(request *transport.PeerRequest) int {
	const none, sameGroup, canAnswer, owner = 0, 1, 2, 3
	half, _, err := body.ParseStored(request.Body)
	if err != nil {
		return none
	}
	ours := false
	for name, value := range headers.Properties(half.Properties) {
		if string(name) == headers.PropertyProducerGroup {
			ours = string(value) == c.p.cfg.ProducerGroup
		}
	}
	if !ours {
		return none
	}
	if c.p.cfg.Transaction.Check == nil {
		return sameGroup
	}
	if h, err := headers.ParseCheckTransaction(&request.Command); err == nil {
		if _, open := c.p.open.find(h.MessageID); open {
			return owner
		}
	}
	return canAnswer
}

// request is the transport.RequestHandler of CHECK_TRANSACTION_STATE.
func (c *checkbacks) request(request *transport.PeerRequest) {
	switch {
	case !request.IsOneway():
		_ = request.Refuse() // no broker asks so, and who does may go without an answer
	case c.p.cfg.Transaction.Check == nil:
		c.strange.Do(func() {
			c.p.logger.Info("A broker asks about a transaction, but this publisher has no Transaction.Check: another program shares its producer group",
				watermill.LogFields{"addr": request.Addr})
		})
	default:
		c.take(request.Addr, request.Command)
	}
}

// take lets a check wait for its turn. It does not block.
func (c *checkbacks) take(addr string, request headers.Command) {
	h, err := headers.ParseCheckTransaction(&request)
	if err == nil && max(len(h.MessageID), len(h.OffsetMessageID), len(h.Topic), len(h.BrokerName)) > maxCheckbackText {
		err = fmt.Errorf("an id or name in it is longer than %d bytes", maxCheckbackText)
	}
	if err != nil {
		c.complain("Cannot read RocketMQ's transaction check", err, watermill.LogFields{"addr": addr})
		return
	}
	if !c.p.isBroker(addr, "") {
		// Anybody can send the id of a transaction and claim to have its half
		// message: who is believed would get the commit in its place.
		c.note("Ignoring a transaction check that does not come from a broker of a known route", watermill.LogFields{"addr": addr})
		return
	}
	if t, open := c.p.open.find(h.MessageID); open { // its owner will decide
		if t != nil && t.isAt(addr, h.BrokerName) {
			c.p.open.move(t, h.StateTableOffset, h.CommitLogOffset)
		}
		return
	}
	half, _, err := body.ParseStored(request.Body)
	if err != nil {
		c.complain("Cannot read RocketMQ's transaction check", err, watermill.LogFields{"addr": addr, "message_id": h.MessageID})
		return
	}
	next := &question{
		id: h.MessageID, key: h.MessageID, topic: h.Topic, body: request.Body,
		place: halfPlace{addr: addr, broker: h.BrokerName, table: h.StateTableOffset, log: h.CommitLogOffset},
		half:  halfIdentity{addr: addr, born: half.BornTimestamp, host: half.BornHost},
	}
	if next.key == "" {
		next.key = h.OffsetMessageID
	}
	if !c.add(next) {
		c.note("Too many transaction checks wait, dropping one: the broker asks again", watermill.LogFields{
			"addr": addr, "message_id": next.id,
		})
	}
}

// add queues a check, or adds it to those of the same transaction. One that repeats
// another takes its place. It reports false if there is no room.
func (c *checkbacks) add(next *question) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return true
	}
	count, bytesOfAll, before := c.count+1, c.bytes+len(next.body), -1
	known := c.byKey[next.key]
	if known != nil {
		before = known.find(next.half)
	}
	if before >= 0 {
		count, bytesOfAll = c.count, bytesOfAll-len(known.waiting[before].body)
	}
	if count > maxWaitingCheckbacks || bytesOfAll > maxCheckbackBytes {
		return false
	}
	c.count, c.bytes = count, bytesOfAll
	next.body = bytes.Clone(next.body) // which lies in a frame that may be far longer
	switch {
	case before >= 0:
		known.waiting[before] = next
		return true
	case known != nil:
		known.waiting = append(known.waiting, next)
		return true
	}
	q := &inquiry{key: next.key, waiting: []*question{next}}
	c.waiting = append(c.waiting, q)
	c.byKey[next.key] = q
	if c.workers < c.p.cfg.Transaction.Concurrency {
		c.workers++
		c.wg.Go(c.work) // before stop has set stopped, so before it waits
	}
	return true
}

// work answers checks until none waits.
func (c *checkbacks) work() {
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 || c.stopped {
			c.workers--
			c.mu.Unlock()
			return
		}
		next := c.waiting[0]
		c.waiting[0] = nil
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		c.answer(next)
	}
}

// answer finds out what became of a transaction and tells the broker. Unlike the
// Java client it waits for the broker's word (EndTransactionProcessor answers, if
// asked to): a broker that has checked again meanwhile has a copy of the half
// message, and a copy of one that is known to be committed is dropped instead of
// delivered.
//
// A decision goes to where the half message is by then. A commit is known to be the
// end of all half messages of the transaction. A rollback is the end of the one that
// was asked about: another one may be that of a transaction which has begun since.
func (c *checkbacks) answer(q *inquiry) {
	for asked := c.next(q); asked != nil; asked = c.next(q) {
		state := TransactionRollback // of a copy
		if !c.p.open.hasEnded(asked.id) {
			state = c.ask(asked)
		}
		if state.end() == headers.TransactionUndecided { // the next check asks again
			c.drop(q)
			return
		}
		asked = c.turnToLatest(q)
		if err := c.tell(asked, state); err != nil {
			c.note("RocketMQ has not confirmed the answer to its transaction check, and asks again unless it has it", watermill.LogFields{
				"addr": asked.place.addr, "message_id": asked.id, "err": err.Error(),
			})
			c.drop(q)
			return
		}
		if state == TransactionCommit {
			c.p.open.commit(asked.id)
		}
	}
}

// next turns to the first question that waits. If there is none, or the publisher
// closes, the inquiry is over and next returns nil.
func (c *checkbacks) next(q *inquiry) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(q.waiting) == 0 || c.stopped {
		c.forget(q)
		return nil
	}
	c.turn(q, 0)
	return q.asked
}

// turnToLatest turns to the question that repeats the one being worked on, if there
// is one, and returns the one that is being worked on then.
func (c *checkbacks) turnToLatest(q *inquiry) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := q.find(q.asked.half); i >= 0 {
		c.turn(q, i)
	}
	return q.asked
}

// turn makes a question that waits the one that is being worked on. The mutex is
// held.
func (c *checkbacks) turn(q *inquiry, i int) {
	if q.asked != nil {
		c.bytes -= len(q.asked.body)
	}
	q.asked = q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	c.count--
}

// drop ends an inquiry.
func (c *checkbacks) drop(q *inquiry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(q)
}

// forget forgets an inquiry and its questions. The mutex is held.
func (c *checkbacks) forget(q *inquiry) {
	if q.asked != nil {
		c.bytes -= len(q.asked.body)
	}
	for _, waiting := range q.waiting {
		c.bytes -= len(waiting.body)
	}
	c.count -= len(q.waiting)
	q.asked, q.waiting = nil, nil
	delete(c.byKey, q.key)
}

// tell sends one decision. Close waits for it.
func (c *checkbacks) tell(asked *question, state TransactionState) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	end := asked.place.end(c.p.cfg.ProducerGroup, asked.topic, asked.id, state)
	end.FromCheck = true
	var err error
	panicked := c.guard("Cluster.Credentials", asked.id, func() {
		_, err = headers.Successful(c.p.client.Invoke(ctx, asked.place.addr, end, nil))
	})
	return cmp.Or(panicked, err)
}

// ask has the user's function decide.
func (c *checkbacks) ask(asked *question) TransactionState {
	half, unpacked, err := c.unpack(asked)
	defer c.room.Leave(unpacked)
	if err != nil {
		if c.ctx.Err() == nil { // the publisher is not closing
			c.complain("Cannot answer RocketMQ's transaction check", err, watermill.LogFields{"message_id": asked.id})
		}
		return TransactionUnknown
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.p.cfg.Transaction.CheckTimeout)
	defer cancel()
	msg := c.read(ctx, asked, &half)
	state := TransactionUnknown
	if err := c.guard("Config.Transaction.Check", asked.id, func() { state = c.p.cfg.Transaction.Check(ctx, msg) }); err != nil {
		return TransactionUnknown
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && state != TransactionUnknown {
		c.note("Config.Transaction.Check took too long, its answer is not sent", watermill.LogFields{"message_id": asked.id})
		return TransactionUnknown
	}
	return state
}

// guard runs code of the user's, whose panic is logged and becomes an error: the
// goroutine is not the user's to guard, and the broker would ask the next process
// of the group, and end that one too.
func (c *checkbacks) guard(what, id string, user func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s panicked: %v", what, r)
			c.complain(what+" panicked", fmt.Errorf("panic: %v\n%s", r, debug.Stack()), watermill.LogFields{"message_id": id})
		}
	}()
	user()
	return nil
}

// note logs what may come again with every check: the first of its kind, and then
// one in quietFor.
func (c *checkbacks) note(kind string, fields watermill.LogFields) {
	if missed, ok := c.p.logs.checks.Ask(kind, time.Now()); ok {
		fields[loglimit.Unlogged] = missed
		c.p.logger.Info(kind, fields)
	}
}

// complain is note for errors.
func (c *checkbacks) complain(kind string, err error, fields watermill.LogFields) {
	if missed, ok := c.p.logs.checks.Ask(kind, time.Now()); ok {
		fields[loglimit.Unlogged] = missed
		c.p.logger.Error(kind, err, fields)
	}
}

// stop ends the contexts of the checks under way and waits for them and for the
// answers they come to. Those that wait are dropped: the broker asks another
// producer.
func (c *checkbacks) stop() {
	c.mu.Lock()
	c.stopped = true
	c.waiting = nil
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// errForeignGroup means that a check is for another group than the publisher's.
var errForeignGroup = errors.New("the half message is another producer group's")

// maxUnpacked is the most bytes that the bodies of checks may have once they are
// decompressed: each, and all of those that are being looked into together.
const maxUnpacked = 64 << 20

// unpack takes the half message out of a check, and says how much of the room for
// bodies it has taken.
func (c *checkbacks) unpack(asked *question) (half receive.Message, taken int, err error) {
	half, _, err = receive.Parse(asked.body)
	if err != nil {
		return receive.Message{}, 0, err
	}
	if group := half.Property(headers.PropertyProducerGroup); group != c.p.cfg.ProducerGroup {
		return receive.Message{}, 0, fmt.Errorf("%w: %q", errForeignGroup, group)
	}
	if taken, err = c.room.Unpack(c.ctx, &half); err == nil {
		err = c.ctx.Err()
	}
	return half, taken, err
}

// read makes the message that Config.Transaction.Check is given. A panic of the
// user's code in it is an error like others: Check can mostly say without the
// message what became of its transaction.
func (c *checkbacks) read(ctx context.Context, asked *question, half *receive.Message) CheckedMessage {
	own, _ := c.p.cfg.Marshaler.(marshaler.Unmarshaler)
	reader := receive.Reader{Unmarshaler: own, Topics: c.p.cfg.Topics}
	got := reader.Read(c.p.userName(half.Stored.Topic), half)
	_ = c.panicked("Config.Topics", asked.id, got.TopicErr) // a topic without a name of Watermill's keeps its own
	got.Message.SetContext(ctx)
	got.UnmarshalErr = c.panicked("Config.Marshaler", asked.id, got.UnmarshalErr)
	return newCheckedMessage(TransactionInfo{MessageID: asked.id, BrokerName: asked.place.broker}, asked.place.addr, half, got)
}

// panicked logs an error that is a panic of the user's, and names whose it is.
func (c *checkbacks) panicked(what, id string, err error) error {
	var p *receive.PanicError
	if !errors.As(err, &p) {
		return err
	}
	c.complain(what+" panicked", fmt.Errorf("panic: %v\n%s", p.Value, p.Stack), watermill.LogFields{"message_id": id})
	return fmt.Errorf("%s %w", what, err)
}

// isBroker reports whether a connection to addr is one to a broker, that of the
// given name if it is not empty. Name servers are connected to as well.
func (p *Publisher) isBroker(addr, name string) bool {
	return slices.ContainsFunc(p.session.BrokerAddrs(addr), func(at string) bool {
		return p.routes.HasBroker(at, name) || name == "" && p.member.MayBeAskedBy(at)
	})
}

// isAt reports whether a check that came from addr, of a broker that calls itself
// by that name, is of the broker that has the half message. 4.9 gives no name.
func (t *Transaction) isAt(addr, name string) bool {
	own := t.info.BrokerName
	return (name == "" || name == own) && (addr == t.addr || t.p.isBroker(addr, own))
}
