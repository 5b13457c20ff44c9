package subscriber_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// entry is what happened to a message, as a member of the group noted it.
type entry struct {
	Member string
	// ID is the number of the delivery, which each member counts for itself.
	ID   int
	What what
	At   time.Time
	// The rest is of deliveries but for Cause, which is why a message was taken from its
	// handler.
	UUID   string
	Number int
	Queue  string // topic, broker and queue
	Offset int64
	Cause  string
}

type what string

const (
	delivered what = "delivered"
	takenAway what = "taken away" // the context ended before the answer
	acked     what = "acked"      // noted just before the Ack
)

// consumeAs acks messages until the channel is closed, a goroutine each, as a router does.
// The handler of a message takes as long as work says. tell is called by many.
func consumeAs(member string, messages <-chan *message.Message, work func(m *message.Message) time.Duration, tell func(entry)) {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	id := 0
	for m := range messages {
		id++
		e := entry{Member: member, ID: id}
		d := e
		d.What, d.At, d.UUID = delivered, time.Now(), m.UUID
		if info, ok := subscriber.InfoFromContext(m.Context()); ok {
			d.Number, d.Offset = info.Deliveries, info.QueueOffset
			d.Queue = fmt.Sprintf("%s %s/%d", info.RocketMQTopic, info.Broker, info.QueueID)
		}
		tell(d)
		handlers.Go(func() {
			timer := time.NewTimer(work(m))
			defer timer.Stop()
			done := e
			select {
			case <-timer.C:
			case <-m.Context().Done():
			}
			if cause := context.Cause(m.Context()); cause != nil { // both may have come
				done.What, done.At, done.Cause = takenAway, time.Now(), cause.Error()
				tell(done)
			}
			done.What, done.At = acked, time.Now()
			tell(done)
			m.Ack()
		})
	}
}

// trouble is something that explains that messages are delivered again.
type trouble struct {
	name string
	// doubt is how long before the trouble an ack may have been lost in it.
	doubt        time.Duration
	begun, ended time.Time // ended is zero while it lasts
	// member is the one that is in trouble, empty for all.
	member string
}

// doubts reports whether an ack of a member at that time may be lost.
func (tr *trouble) doubts(member string, at time.Time, slack time.Duration) bool {
	return (tr.member == "" || tr.member == member) && !at.Before(tr.begun.Add(-tr.doubt-slack)) && !tr.isOver(at, slack)
}

// isOver reports whether it had ended before.
func (tr *trouble) isOver(at time.Time, slack time.Duration) bool {
	return !tr.ended.IsZero() && at.After(tr.ended.Add(slack))
}

// catches reports whether a message was with its handler in the trouble.
func (tr *trouble) catches(h *handling, until time.Time, slack time.Duration) bool {
	return (tr.member == "" || tr.member == h.Member) && !until.Before(tr.begun) && !tr.isOver(h.At, slack)
}

// ledger accounts for the messages of one group.
type ledger struct {
	lease time.Duration // 0 if there are none: members pull
	// slack is by how much anything may be late on this machine.
	slack time.Duration

	mu       sync.Mutex
	accounts map[string]*account // by UUID
	open     map[string]*handling
	queues   map[string][]*handling // deliveries by queue
	troubles []*trouble
	answered int       // accounts with an ack
	last     time.Time // of the last ack
}

// account is of one message.
type account struct {
	uuid string
	// key has the messages that are in order, number is the message's place among them.
	key      string
	number   int
	stored   bool
	storedAt time.Time
	twice    bool // may be stored twice
	handling []*handling
}

// handling is a delivery and its answer.
type handling struct {
	entry
	account *account
	acked   time.Time // zero if it is not
	taken   time.Time // when the message was taken away, zero if it was not
	cause   string
	// It is the reason of a further delivery, from the place where it was or of a copy.
	spent, spentCopy bool
}

func newLedger(lease time.Duration) *ledger {
	return &ledger{lease: lease, accounts: make(map[string]*account), open: make(map[string]*handling), queues: make(map[string][]*handling)}
}

// expect notes a message that is about to be published, the next of its key.
func (l *ledger) expect(uuid, key string, number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[uuid] = &account{uuid: uuid, key: key, number: number}
}

// stored notes that a message was published, perhaps twice.
func (l *ledger) stored(uuid string, twice bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[uuid]
	a.stored, a.storedAt, a.twice = true, time.Now(), twice
}

// note notes what happened to a message.
func (l *ledger) note(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := fmt.Sprint(e.Member, " ", e.ID)
	if e.What == delivered {
		a := l.accounts[e.UUID]
		if a == nil {
			a = &account{uuid: e.UUID, number: -1}
			l.accounts[e.UUID] = a
		}
		h := &handling{entry: e, account: a}
		a.handling = append(a.handling, h)
		l.open[id] = h
		l.queues[e.Queue] = append(l.queues[e.Queue], h)
		return
	}
	h := l.open[id]
	switch {
	case h == nil:
	case e.What == takenAway:
		h.taken, h.cause = e.At, e.Cause
	default:
		if !slices.ContainsFunc(h.account.handling, func(h *handling) bool { return !h.acked.IsZero() }) {
			l.answered++
		}
		h.acked, l.last = e.At, time.Now()
		delete(l.open, id)
	}
}

// acked is how many messages have been.
func (l *ledger) acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

// lastAck is when the last one was noted.
func (l *ledger) lastAck() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// begin notes that a trouble begins.
func (l *ledger) begin(name, member string, doubt time.Duration) *trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	tr := &trouble{name: name, member: member, doubt: doubt, begun: time.Now()}
	l.troubles = append(l.troubles, tr)
	return tr
}

// end notes that it is over.
func (l *ledger) end(tr *trouble) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tr.ended = time.Now()
}

// heldBy is how many messages a member has been given and has not acked.
func (l *ledger) heldBy(member string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, h := range l.open {
		if h.Member == member {
			n++
		}
	}
	return n
}

// inTroubleSince reports whether a trouble has lasted at or after that time.
func (l *ledger) inTroubleSince(at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.troubles, func(tr *trouble) bool { return tr.ended.IsZero() || !tr.ended.Before(at) })
}

// inTrouble reports whether a trouble lasts.
func (l *ledger) inTrouble() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.troubles, func(tr *trouble) bool { return tr.ended.IsZero() })
}

// revived is how long after the end of a lease a broker delivers a message again, at most.
const revived = 10 * time.Second

// popBatch is how many messages a pop has at most.
const popBatch = 32

// Why messages were delivered again.
const (
	storedTwice = "stored twice"
	notAcked    = "not acked at the fault"
	leaseOver   = "not acked within the lease"
	wasTaken    = "taken from the handler"
	ackInDoubt  = "acked in the fault, or shortly before"
	behind      = "acked behind one that was not"
	unseen      = "delivered in the fault, to nobody"
	earlier     = "of an earlier pop, whose lease was over before it was given back"
	tooLate     = "handed out by a member that had stood still, its context over"
	lateCommit  = "handed over before a busy machine had committed it"
	lateAck     = "acked so late that the ack may have come after the lease"
	unexplained = "for no reason"
)

// handover is how long the next owner of a queue waits for the one before to commit (Pull).
const handover = 500 * time.Millisecond

// why explains a delivery that is not the first of its message. It was stored twice, or has
// its reason in an earlier one, each of which is the reason of one further delivery at
// most: brokers deliver again what they do not know to be acked, once. A killed one may do
// so in two ways (POP): it goes back in the queue, and makes a copy for those who retry.
func (l *ledger) why(h *handling, before []*handling) string {
	if h.account.twice && h.Number == 1 && !slices.ContainsFunc(before, func(b *handling) bool { return b.Queue == h.Queue && b.Offset == h.Offset }) {
		return storedTwice
	}
	if l.isTooLate(h) {
		return tooLate
	}
	for _, b := range slices.Backward(before) {
		spent := &b.spent
		if b.Queue != h.Queue || b.Offset != h.Offset {
			spent = &b.spentCopy
		}
		if *spent {
			continue
		}
		if reason := l.reason(h, b); reason != unexplained {
			*spent = true
			return reason
		}
	}
	if l.isOfEarlierPop(h, before[len(before)-1]) {
		return earlier
	}
	if h.Number > 1 && slices.ContainsFunc(l.troubles, func(tr *trouble) bool {
		return !h.At.Before(tr.begun) && (tr.ended.IsZero() || h.account.storedAt.Before(tr.ended) && h.At.Before(tr.ended.Add(l.lease+revived+l.slack)))
	}) {
		return unseen // the answer to a pop was lost
	}
	return unexplained
}

// isOfEarlierPop reports whether a delivery cannot be for a lost answer to the one before it,
// as it comes too soon: members hand out a message within a third of its lease. Where members
// or brokers are busy, what was popped before that was given back so late that the broker made
// copies for its lease as well.
func (l *ledger) isOfEarlierPop(h, before *handling) bool {
	return h.Number > 1 && h.At.Sub(before.At) < l.lease/2
}

// isTooLate reports whether a member that was in trouble handed out what it had offered
// before: it says at once that the lease is over.
func (l *ledger) isTooLate(h *handling) bool {
	return h.cause == subscriber.ErrLeaseLost.Error() && h.taken.Sub(h.At) < time.Second &&
		slices.ContainsFunc(l.troubles, func(tr *trouble) bool {
			return tr.member == h.Member && !h.At.Before(tr.begun) && (tr.ended.IsZero() || !h.At.After(tr.ended))
		})
}

// reason says why a broker may have delivered a message again that it had delivered.
func (l *ledger) reason(again, before *handling) string {
	isOpen := before.acked.IsZero() || again.At.Before(before.acked)
	in := func(check func(tr *trouble) bool) bool { return slices.ContainsFunc(l.troubles, check) }
	switch {
	case !before.taken.IsZero() && before.taken.Before(again.At):
		return wasTaken + ": " + before.cause
	case isOpen && in(func(tr *trouble) bool { return tr.catches(before, again.At, l.slack) }):
		return notAcked
	case l.lease > 0 && again.At.Sub(before.At) > l.lease && (isOpen || before.acked.Sub(before.At) > l.lease):
		return leaseOver
	case isOpen:
		return unexplained
	case in(func(tr *trouble) bool { return tr.doubts(before.Member, before.acked, l.slack) }):
		return ackInDoubt
	case l.isBehind(again, before):
		return behind
	case l.lease == 0 && l.slack > handover && again.Member != before.Member && again.At.Sub(before.acked) < unconfirmed+l.slack:
		return lateCommit
	case l.lease > 0 && l.isLateAck(again, before):
		return lateAck
	}
	return unexplained
}

// isLateAck reports whether an ack may have reached a broker after the lease, on a machine
// where anything may be late by the slack. Members hand out a message within a third of its
// lease.
func (l *ledger) isLateAck(again, before *handling) bool {
	left := l.lease - l.lease/3
	return again.At.Sub(before.At) > left && before.acked.Sub(before.At)+l.slack > left
}

// isBehind reports whether a message was acked that comes again with one before it in its
// queue: the queue went to another member, with an offset before both (Pull), or the
// broker hands out a batch from the first message on that it does not know to be acked
// (POP in order).
func (l *ledger) isBehind(again, before *handling) bool {
	return slices.ContainsFunc(l.queues[before.Queue], func(x *handling) bool {
		isOpen := x.acked.IsZero() || again.At.Before(x.acked)
		switch {
		case x.Member != before.Member || x.Offset >= before.Offset || x.At.After(before.At):
			return false
		case l.lease == 0:
			return isOpen && again.Member != before.Member
		default:
			return before.Offset-x.Offset < popBatch && slices.ContainsFunc(l.troubles, func(tr *trouble) bool {
				return isOpen && tr.catches(x, again.At, l.slack) || !isOpen && tr.doubts(x.Member, x.acked, l.slack)
			})
		}
	})
}

// verdict is the sum of a ledger.
type verdict struct {
	stored, delivered, lost, unknown int
	breaks                           []string // of the order
	again                            map[string]int
	oddities                         []string // deliveries that are not explained
	missing                          []string // those that are lost
}

func (l *ledger) verdict() verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := verdict{again: make(map[string]int)}
	byKey := make(map[string][]*handling) // first deliveries
	for _, a := range l.accounts {
		slices.SortFunc(a.handling, func(x, y *handling) int { return x.At.Compare(y.At) })
		v.delivered += len(a.handling)
		switch {
		case a.number < 0:
			v.unknown++
			continue
		case a.stored:
			v.stored++
		}
		if a.stored && !slices.ContainsFunc(a.handling, func(h *handling) bool { return !h.acked.IsZero() }) {
			v.lost++
			v.missing = append(v.missing, l.story(a))
		}
		for i, h := range a.handling {
			h.spent, h.spentCopy = false, false
			if i == 0 {
				byKey[a.key] = append(byKey[a.key], h)
				continue
			}
			why := l.why(h, a.handling[:i])
			v.again[why]++
			if why == unexplained {
				v.oddities = append(v.oddities, l.story(a))
			}
		}
	}
	for key, list := range byKey {
		slices.SortFunc(list, func(x, y *handling) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
		for i := 1; i < len(list); i++ {
			if x, y := list[i-1], list[i]; x.account.number > y.account.number {
				v.breaks = append(v.breaks, fmt.Sprintf("%s: %s\nafter %s", key, l.story(y.account), l.story(x.account)))
			}
		}
	}
	return v
}

// story tells all of a message.
func (l *ledger) story(a *account) string {
	var b strings.Builder
	fmt.Fprintf(&b, "message %d of %s (%s)", a.number, a.key, a.uuid)
	const clock = "15:04:05.000"
	for _, h := range a.handling {
		fmt.Fprintf(&b, "; %s delivery %d to %s of %s@%d", h.At.Format(clock), h.Number, h.Member, h.Queue, h.Offset)
		if !h.taken.IsZero() {
			fmt.Fprintf(&b, ", taken away %s (%s)", h.taken.Format(clock), h.cause)
		}
		if !h.acked.IsZero() {
			fmt.Fprintf(&b, ", acked %s", h.acked.Format(clock))
		}
	}
	for _, tr := range l.troubles {
		fmt.Fprintf(&b, "; %s from %s to %s", tr.name, tr.begun.Format(clock), tr.ended.Format(clock))
	}
	return b.String()
}

func (v verdict) String() string {
	again := 0
	var why []string
	for reason, n := range v.again {
		again += n
		why = append(why, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(why)
	text := fmt.Sprintf("published %d, deliveries %d, lost %d, order breaks %d, delivered again %d (%s)",
		v.stored, v.delivered, v.lost, len(v.breaks), again, strings.Join(why, ", "))
	if v.lost > 0 {
		text += "\nlost: " + strings.Join(v.missing[:min(3, v.lost)], "\nlost: ")
	}
	return text
}

// check reports the sum, and fails for what must not be.
func (l *ledger) check(t testing.TB, messages int, ordered bool) {
	t.Helper()
	v := l.verdict()
	if !ordered {
		v.breaks = nil // there is no order to break
	}
	t.Log(v)
	few := func(list []string) string { return strings.Join(list[:min(5, len(list))], "\n") }
	require.Equal(t, messages, v.stored)
	require.Empty(t, v.missing, "lost: %s", few(v.missing))
	require.Zero(t, v.unknown, "messages that nobody has published")
	require.Empty(t, v.breaks, "order: %s", few(v.breaks))
	require.Empty(t, v.oddities, "deliveries for no reason: %s", few(v.oddities))
}
