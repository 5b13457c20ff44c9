package subscriber_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/rounds"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// TestStressFaults has members of a group come and go while requests, connections and
// brokers fail at random, on a simulated clock, and accounts for every message. When the
// faults are over everything is consumed, and nothing comes again that was acked since.
func TestStressFaults(t *testing.T) {
	if raceEnabled {
		t.Skip("Go 1.26 crashes with -race on timers that have fired in a synctest bubble")
	}
	for _, s := range []suite{popSuite, orderedPOPSuite, pullSuite, orderedPullSuite} {
		t.Run(s.name, func(t *testing.T) {
			rounds.Run(t, func(t *testing.T, seed uint64) {
				synctest.Test(t, func(t *testing.T) { newFaultStress(t, s, seed).run() })
			})
		})
	}
}

// faultStress is one round.
type faultStress struct {
	t       *testing.T
	dice    *rounds.Dice
	suite   suite
	cluster *embedded.Cluster
	ledger  *ledger
	lease   time.Duration
	number  int // of members that were there
	members []*faultMember
}

const (
	stressTopic = "orders"
	stressKeys  = 8
)

func newFaultStress(t *testing.T, s suite, seed uint64) *faultStress {
	st := &faultStress{t: t, dice: rounds.NewDice(seed), suite: s}
	brokers := 1
	if !st.suite.ordered { // keys move when a broker goes
		brokers += st.dice.N(2)
	}
	opts := []embedded.Option{embedded.InMemory(), embedded.WithBrokers(brokers), embedded.WithTopic(stressTopic, 1+st.dice.N(4)), embedded.WithReviveLag(2 * time.Second)}
	if s.engine == subscriber.POP {
		st.lease = time.Second + st.dice.UpTo(20*time.Second)
		if st.dice.One(3) {
			opts = append(opts, embedded.WithPopKV())
		}
		if st.dice.One(3) {
			opts = append(opts, embedded.WithRetryTopicV2())
		}
	} else if st.dice.One(2) {
		opts = append(opts, embedded.WithVersion(headers.Version4_9_7))
	}
	var err error
	st.cluster, err = embedded.Start(opts...)
	require.NoError(t, err)
	st.ledger = newLedger(st.lease)
	return st
}

func (st *faultStress) run() {
	defer func() { // also when it fails, for all goroutines to end
		for len(st.members) > 0 {
			_ = st.leave(0)
		}
		require.NoError(st.t, st.cluster.Close())
	}()
	pub, err := publisher.New(publisher.Config{
		Cluster: st.cluster.Config(), SendTimeout: time.Hour,
		OrderingKey: func(_ string, m *message.Message) (string, error) { return m.Metadata.Get("key"), nil },
		OnResult: func(r publisher.Result) {
			twice := false
			for _, a := range r.Failed {
				twice = twice || a.Outcome != publisher.NotSent
			}
			if r.Err == nil {
				st.ledger.stored(r.UUID, twice)
			}
		},
	}, nil)
	require.NoError(st.t, err)
	all := 100 + st.dice.N(400)
	var publishing sync.WaitGroup
	wanted := make(chan int, 100) // messages
	publishing.Go(func() {
		published := 0
		for n := range wanted {
			for range min(n, all-published) {
				key := fmt.Sprint("key-", published%stressKeys)
				m := message.NewMessage(watermill.NewUUID(), nil)
				m.Metadata.Set("key", key)
				st.ledger.expect(m.UUID, key, published/stressKeys)
				published++
				for pub.Publish(stressTopic, m) != nil { // the topic has no broker
					time.Sleep(time.Second)
				}
			}
		}
	})
	publish := func(n int) { wanted <- n }
	publish(all / 4)
	st.join()
	st.join()
	tr := st.ledger.begin("faults", "", persisted)
	heal := st.cluster.Intercept(st.fault)
	for range 5 + st.dice.N(20) {
		mend := st.event()
		publish(st.dice.N(all / 8))
		time.Sleep(st.dice.UpTo(5 * time.Second))
		mend()
	}
	heal()
	if len(st.members) == 0 {
		st.join()
	}
	// Until answers that were held back have come, members have told brokers that they are
	// there, and leases of what was handed out to nobody are over.
	time.Sleep(40*time.Second + 2*st.lease)
	st.ledger.end(tr)
	publish(all)
	close(wanted)
	publishing.Wait()
	require.NoError(st.t, pub.Close())
	for began := time.Now(); st.ledger.acked() < all; {
		require.Less(st.t, time.Since(began), 10*time.Minute, "%v", lazily(func() string { return fmt.Sprint(st.ledger.verdict()) }))
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(st.lease + 10*time.Second)
	for len(st.members) > 0 {
		require.NoError(st.t, st.leave(0))
	}
	st.ledger.check(st.t, all, st.suite.ordered)
}

// join has a member consume. It tries until it is let in.
func (st *faultStress) join() {
	st.number++
	cfg := subscriber.Config{
		Cluster: st.cluster.Config(), Group: "billing", Engine: st.suite.engine, Ordered: st.suite.ordered, Lease: st.lease,
		MaxInFlight: subscriber.InFlight{Messages: 1 + st.dice.N(300)},
	}
	sub, err := subscriber.New(cfg, nil)
	require.NoError(st.t, err)
	messages, err := sub.Subscribe(st.t.Context(), stressTopic)
	if err != nil {
		require.NoError(st.t, sub.Close())
		if st.ledger.inTrouble() {
			return
		}
		require.NoError(st.t, err)
	}
	m := &faultMember{sub: sub}
	name := fmt.Sprint("member-", st.number)
	work := func(*message.Message) time.Duration {
		if st.dice.One(50) {
			return st.dice.UpTo(2*st.lease + time.Second)
		}
		return st.dice.UpTo(50 * time.Millisecond)
	}
	m.consuming.Go(func() { consumeAs(name, messages, work, st.ledger.note) })
	st.members = append(st.members, m)
}

// leave has a member close. The error is that of Close.
func (st *faultStress) leave(i int) error {
	m := st.members[i]
	st.members = append(st.members[:i], st.members[i+1:]...)
	err := m.sub.Close()
	m.consuming.Wait()
	return err
}

// event is something that happens to brokers or members. mend ends it.
func (st *faultStress) event() (mend func()) {
	b := st.cluster.Broker(st.dice.N(len(st.cluster.Brokers())))
	start := func() { require.NoError(st.t, b.Start()) }
	switch st.dice.N(8) {
	case 0:
		b.Kill()
		return start
	case 1:
		b.Stop()
		return start
	case 2:
		b.SetCondition(embedded.Hanging)
		return func() { b.SetCondition(embedded.Well) }
	case 3:
		b.DropConnections()
	case 4:
		st.cluster.NameServer(0).Stop()
		return func() { require.NoError(st.t, st.cluster.NameServer(0).Start()) }
	case 5:
		if len(st.members) < 4 {
			st.join()
		}
	case 6:
		if len(st.members) > 0 {
			_ = st.leave(st.dice.N(len(st.members))) // what it could not tell is in the ledger
		}
	}
	return func() {}
}

// fault is what happens to a request of a member.
func (st *faultStress) fault(r embedded.Request) embedded.Fault {
	code := r.Code
	switch code {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage, headers.CodeTopicRoute:
		return embedded.Fault{}
	}
	if !st.dice.One(6) {
		return embedded.Fault{}
	}
	if st.dice.One(2) && (code == headers.CodeAckMessage || code == headers.CodeBatchAckMessage) {
		return embedded.Answer(headers.Success, "") // its record could not be stored
	}
	switch st.dice.N(7) {
	case 0:
		return embedded.DropConnection()
	case 1:
		return embedded.StoreThenDrop()
	case 2:
		return embedded.Ignore()
	case 3:
		return embedded.CutAnswer(st.dice.N(200))
	case 4:
		return embedded.DelayAnswer(st.dice.UpTo(5 * time.Second))
	case 5:
		return embedded.Delay(st.dice.UpTo(5 * time.Second))
	default:
		return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]")
	}
}
