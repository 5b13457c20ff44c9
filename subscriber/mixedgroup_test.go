package subscriber_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// mixedGroup accounts for what the members of a group that pulls are given, members of
// other clients among them, and for the offsets that the group has at its broker.
//
// Whoever gets a queue begins where the broker says that the group is. So a message comes
// again if the member that had its queue before had not told the broker of it by then, or
// if the broker was told of less afterwards, by a member that had the queue at the same
// time. Anything else is a fault.
type mixedGroup struct {
	// slack is how late all may be, since the machine is slow.
	slack time.Duration

	mu         sync.Mutex
	deliveries []groupDelivery
	offsets    map[int32][]groupOffset // by queue, in the order of time
}

// groupDelivery is a message that a member was given, and acked at once.
type groupDelivery struct {
	client clientKind
	member string
	queue  int32
	offset int64
	at     time.Time
}

// clientKind is a make of clients.
type clientKind string

const (
	ourClient  clientKind = "ours"
	javaClient clientKind = "Java"
	goClient   clientKind = "rocketmq-client-go"
)

// groupOffset is what a broker has answered between two times.
type groupOffset struct {
	asked, answered time.Time
	offset          int64
}

// watch asks the broker for the group's offsets until the test ends, or stop is called.
func (g *mixedGroup) watch(t *testing.T, w *world, topic, group string, queues int) (stop func()) {
	t.Helper()
	client, err := rocketmq.Connect(w.cluster, nil)
	require.NoError(t, err)
	member := client.Session().NewMember(session.Role{})
	require.NoError(t, member.Join())
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			for q := range int32(queues) {
				g.ask(ctx, member, w.real.Broker(0).Addr, &headers.QueueRequest{
					Code: headers.CodeQueryConsumerOffset, Topic: topic, QueueID: q, ConsumerGroup: group, KeepUnset: true,
				})
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		asking.Wait()
		member.Leave()
		_ = client.Close()
	})
	t.Cleanup(stop)
	return stop
}

// ask notes the offset of a queue. A queue without one is at 0.
func (g *mixedGroup) ask(ctx context.Context, member *session.Member, addr string, r *headers.QueueRequest) {
	o := groupOffset{asked: time.Now()}
	answer, err := member.Client().Invoke(ctx, addr, r, nil)
	if err != nil || headers.ResponseCode(answer.Code) != headers.Success && headers.ResponseCode(answer.Code) != headers.QueryNotFound {
		return
	}
	o.answered = time.Now()
	o.offset, _, _ = answer.Fields.Int("offset", 64)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.offsets == nil {
		g.offsets = make(map[int32][]groupOffset)
	}
	g.offsets[r.QueueID] = append(g.offsets[r.QueueID], o)
}

// note notes a message that a member of ours was given. It has not acked it yet.
func (g *mixedGroup) note(member string, m *message.Message) {
	info, _ := subscriber.InfoFromContext(m.Context())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deliveries = append(g.deliveries, groupDelivery{ourClient, member, info.QueueID, info.QueueOffset, time.Now()})
}

// add adds what a member of another client was given.
func (g *mixedGroup) add(client clientKind, list []realbroker.Delivery) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range list {
		g.deliveries = append(g.deliveries, groupDelivery{client, string(client), d.QueueID, d.QueueOffset, time.UnixMilli(d.ReceivedAt)})
	}
}

// Reasons for which a message comes again.
const (
	notCommitted = "not committed yet"
	takenBack    = "committed, and taken back"
)

const (
	// startTime is how long before its first message a member has asked for the offset of a
	// queue, at most. Java's client waits half a second before it pulls
	// (RebalanceImpl.dispatchPullRequest of 5.5.0).
	startTime = 5 * time.Second
	// commitTime is how long after an ack of ours the broker knows of it, at most: members
	// commit every second. The broker is asked now and then.
	commitTime = 3 * time.Second
)

// again says for what reasons messages came again, and how often: "Java after ours: not
// committed yet". faults are those that came for none, and acks of ours that were not
// committed in time.
func (g *mixedGroup) again() (reasons map[string]int, faults []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	reasons = make(map[string]int)
	queues := make(map[int32][]groupDelivery)
	for _, d := range g.deliveries {
		queues[d.queue] = append(queues[d.queue], d)
	}
	for queue, list := range queues {
		// Times of other clients are in milliseconds.
		slices.SortStableFunc(list, func(a, b groupDelivery) int {
			return cmp.Or(a.at.Truncate(time.Millisecond).Compare(b.at.Truncate(time.Millisecond)), cmp.Compare(a.offset, b.offset))
		})
		first := make(map[int64]groupDelivery)
		for i, d := range list {
			before, ok := first[d.offset]
			if !ok {
				first[d.offset] = d
				if d.client == ourClient && !g.knows(queue, d) {
					faults = append(faults, fmt.Sprintf("%s is not committed within %s", d, commitTime+g.slack))
				}
				continue
			}
			reason, ok := g.reason(list[:i+1], d)
			reasons[fmt.Sprintf("%s after %s: %s", d.client, before.client, reason)]++
			if !ok {
				faults = append(faults, fmt.Sprintf("%s was %s", d, before))
			}
		}
	}
	return reasons, faults
}

// reason says why the last message of those of a queue comes again.
func (g *mixedGroup) reason(list []groupDelivery, d groupDelivery) (reason string, ok bool) {
	// The member has had the queue since the last message of another one, at most.
	begin := d.at
	for _, earlier := range slices.Backward(list) {
		if earlier.member != d.member {
			break
		}
		begin = earlier.at
	}
	lowest, highest := g.between(d.queue, begin.Add(-startTime-g.slack), begin)
	switch {
	case lowest > d.offset:
		return unexplained, false // the broker has said that it is consumed
	case highest > d.offset:
		return takenBack, true
	default:
		return notCommitted, true
	}
}

// between returns the lowest offset that the group has had between two times, and the
// highest one before the later.
func (g *mixedGroup) between(queue int32, from, to time.Time) (lowest, highest int64) {
	lowest = -1
	for _, o := range g.offsets[queue] {
		if o.asked.After(to) {
			break
		}
		highest = max(highest, o.offset)
		if lowest < 0 || o.answered.Before(from) || o.offset < lowest {
			lowest = o.offset // the last one before from, and all after it
		}
	}
	return max(lowest, 0), highest
}

// knows reports whether the group has had an offset behind a message in time.
func (g *mixedGroup) knows(queue int32, d groupDelivery) bool {
	return slices.ContainsFunc(g.offsets[queue], func(o groupOffset) bool {
		return o.offset > d.offset && o.asked.Before(d.at.Add(commitTime+g.slack))
	})
}

func (d groupDelivery) String() string {
	return fmt.Sprintf("%d@%d to %s at %s", d.queue, d.offset, d.member, d.at.Format("15:04:05.000"))
}

// check logs why messages came again, and fails if some came for no reason.
func (g *mixedGroup) check(t *testing.T) {
	t.Helper()
	reasons, faults := g.again()
	var lines []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		lines = append(lines, fmt.Sprintf("%d %s", reasons[reason], reason))
	}
	t.Logf("%d deliveries, again: %s", len(g.deliveries), strings.Join(lines, ", "))
	require.Empty(t, faults[:min(5, len(faults))], "%d faults", len(faults))
}
