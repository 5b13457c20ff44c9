package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// judge is a Source that holds lanes to what they promise.
type judge struct {
	mu       sync.Mutex
	random   *rand.Rand
	renewing map[*Message]bool
	told     map[*Message]string
	faults   []string
}

func (j *judge) tell(what string, m *Message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if before, again := j.told[m]; again {
		j.fault("%s is told %s after %s", m.Stored.Body, what, before)
	}
	if j.renewing[m] {
		j.fault("%s is told %s while it is renewed", m.Stored.Body, what)
	}
	j.told[m] = what
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

func (j *judge) Ack(m *Message)                   { j.tell("ack", m) }
func (j *judge) Nack(m *Message, _ time.Duration) { j.tell("nack", m) }
func (j *judge) Release(m *Message)               { j.tell("release", m) }

func (j *judge) Renew(m *Message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, told := j.told[m]; told || j.renewing[m] {
		j.fault("%s is renewed after its end, or twice", m.Stored.Body)
	}
	j.renewing[m] = true
	var err error
	if j.random.IntN(10) == 0 {
		err = context.DeadlineExceeded
	}
	time.AfterFunc(time.Duration(j.random.IntN(2000))*time.Millisecond, func() {
		j.mu.Lock()
		delete(j.renewing, m)
		j.mu.Unlock()
		m.Renewed(nil, time.Now().Add(10*time.Second), err)
	})
}

func (j *judge) DeadLetter(context.Context, *Message) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.random.IntN(2) == 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestRandomHandlers has handlers that do as they like for a while. Each message ends once,
// and nothing is left.
func TestRandomHandlers(t *testing.T) {
	for seed := range uint64(60) {
		for _, ordered := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed %d, ordered %v", seed, ordered), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { randomHandlers(t, seed, ordered) })
			})
		}
	}
}

func randomHandlers(t *testing.T, seed uint64, ordered bool) {
	random := rand.New(rand.NewPCG(seed, 0))
	j := &judge{random: rand.New(rand.NewPCG(seed, 1)), renewing: make(map[*Message]bool), told: make(map[*Message]string)}
	cfg := testConfig()
	cfg.Ordered = ordered
	cfg.Messages = 64
	cfg.MaxProcessing = 20 * time.Second
	cfg.Unreadable = Unreadable(random.IntN(3))
	cfg.Make = func(m *Message) (*message.Message, error) {
		if m.Stored.Body[0] == 'u' {
			return nil, fmt.Errorf("unreadable")
		}
		return message.NewMessage(string(m.Stored.Body), m.Stored.Body), nil
	}
	o := New(cfg)
	lanes := []*Lane{o.NewLane(), o.NewLane(), o.NewLane()}
	var workers sync.WaitGroup
	for worker := range uint64(6) {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 2+worker))
			for m := range o.Channel() {
				how := random.Uint64()
				workers.Go(func() { answer(j, m, how) })
				if random.IntN(20) == 0 {
					time.Sleep(time.Duration(random.IntN(30)) * time.Second)
				}
			}
		})
	}
	var all []*Message
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for n := 0; ctx.Err() == nil && n < 400; {
		got, err := o.budget.Take(ctx, 1+random.IntN(Batch))
		if err != nil {
			break
		}
		came := random.IntN(got + 1)
		o.budget.Return(got - came)
		var batch []*Message
		for range came {
			m := &Message{Source: j, Deliveries: 1}
			if random.IntN(3) > 0 {
				m.Lease, m.LeaseTime = time.Now().Add(10*time.Second), 10*time.Second
			}
			kind := "m"
			if random.IntN(20) == 0 {
				kind = "u"
			}
			m.Stored.Body = fmt.Appendf(nil, "%s%d", kind, n)
			batch = append(batch, m)
			n++
		}
		lanes[random.IntN(len(lanes))].Put(batch)
		all = append(all, batch...)
		time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		if random.IntN(30) == 0 { // a queue goes to somebody else
			at := random.IntN(len(lanes))
			grace, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(3000))*time.Millisecond)
			lanes[at].Close(grace)
			cancel()
			lanes[at] = o.NewLane()
		}
	}
	time.Sleep(time.Duration(random.IntN(40)) * time.Second)
	drain, stop := context.WithTimeout(t.Context(), time.Duration(random.IntN(40))*time.Second)
	defer stop()
	o.Drain(drain)
	workers.Wait()
	messages, bytes := o.budget.Taken()
	require.Zero(t, messages)
	require.Zero(t, bytes)
	require.Zero(t, o.budget.waiting)
	j.mu.Lock()
	defer j.mu.Unlock()
	require.Empty(t, j.faults)
	for _, m := range all {
		require.NotEmpty(t, j.told[m], "%s is forgotten", m.Stored.Body)
	}
}

// answer is a handler.
func answer(j *judge, m *message.Message, random uint64) {
	ctx := m.Context()
	switch random % 8 {
	case 0:
		time.Sleep(time.Duration(random%60) * time.Second)
	case 1:
		<-ctx.Done()
	case 2, 3:
		time.Sleep(time.Duration(random%100) * time.Millisecond)
	}
	if random%5 == 0 {
		m.Nack()
	} else {
		m.Ack()
	}
	<-ctx.Done() // however late
}
