package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/rounds"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// TestStressTransactions has two processes of one group make transactions while
// brokers, connections, name servers and the processes themselves fail. In the end
// the message of every local transaction that has committed is there, that of no
// other one is, and no half message is left.
func TestStressTransactions(t *testing.T) { rounds.Run(t, stressTransactions) }

// localRow is what the database of the stress test has of a transaction.
type localRow int

const (
	rowMissing    localRow = iota
	rowOpen                // its local work goes on
	rowCommitted           // for good
	rowRolledBack          // for good: a tombstone, or the end of its local work
)

// checkManner is how a check answers about what has not committed.
type checkManner int

const (
	// withTombstones writes down each rollback, which the local transaction then
	// runs into.
	withTombstones checkManner = iota
	// withOpenRows leaves open transactions to the next check. It does not write
	// down that it has rolled back what it has never heard of.
	withOpenRows
	// withoutEither rolls back. Local transactions are so short that no half message
	// of theirs is old enough to be asked about before they have committed.
	withoutEither
)

// localDatabase is what the processes of the stress test have in common.
type localDatabase struct {
	manner checkManner
	random *rounds.Dice

	mu     sync.Mutex
	rows   map[string]localRow
	owners map[string]*stressProcess // of those that are open
	checks int
	calm   bool // nothing fails any more
}

func (d *localDatabase) begin(id string, by *stressProcess) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if by.dead || d.rows[id] != rowMissing {
		return false
	}
	if d.manner != withTombstones { // else nobody sees the row before it is committed
		d.rows[id], d.owners[id] = rowOpen, by
	}
	return true
}

// end commits or rolls back, and reports whether it has committed.
func (d *localDatabase) end(id string, by *stressProcess, commit bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if by.dead || d.rows[id] == rowRolledBack {
		return false
	}
	delete(d.owners, id)
	switch {
	case commit:
		d.rows[id] = rowCommitted
	case d.manner != withTombstones:
		d.rows[id] = rowRolledBack
	}
	return commit
}

// kill rolls back what the process has open: its connection to the database ends.
func (d *localDatabase) kill(by *stressProcess) {
	d.mu.Lock()
	defer d.mu.Unlock()
	by.dead = true
	for id, owner := range d.owners {
		if owner == by {
			d.rows[id] = rowRolledBack
			delete(d.owners, id)
		}
	}
}

func (d *localDatabase) look(id string) publisher.TransactionState {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checks++
	switch d.rows[id] {
	case rowCommitted:
		return publisher.TransactionCommit
	case rowOpen:
		if d.manner == withOpenRows {
			return publisher.TransactionUnknown
		}
	case rowMissing:
		if d.manner == withTombstones {
			d.rows[id] = rowRolledBack
		}
	}
	return publisher.TransactionRollback
}

func (d *localDatabase) isCalm() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calm
}

// check is now and then slow to say what it has found, too slow, or fails.
func (d *localDatabase) check(ctx context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
	state := d.look(msg.MessageID)
	if d.isCalm() {
		return state
	}
	switch n := d.random.N(20); {
	case n == 0:
		panic("the check of a stress test")
	case n == 1:
		return publisher.TransactionUnknown
	case n < 6:
		select {
		case <-time.After(d.random.UpTo(15 * time.Second)):
		case <-ctx.Done():
		}
	}
	return state
}

// stressProcess is a publisher that can die.
type stressProcess struct {
	pub  *publisher.Publisher
	dead bool // guarded by the database's mutex

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (p *stressProcess) dialer(c *embedded.Cluster) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := c.Dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cut {
			return nil, errors.Join(errors.New("the process is dead"), conn.Close())
		}
		p.conns = append(p.conns, conn)
		return conn, nil
	}
}

// unplug is the end of all that the process can do.
func (p *stressProcess) unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for _, conn := range p.conns {
		_ = conn.Close() // it may be closed already
	}
}

// transactionStress is one round.
type transactionStress struct {
	t       *testing.T
	c       *embedded.Cluster
	random  *rounds.Dice
	db      *localDatabase
	closing sync.WaitGroup

	mu        sync.Mutex
	processes [2]*stressProcess
	payloads  map[string]string // by message id
}

func stressTransactions(t *testing.T, seed uint64) {
	random := rounds.NewDice(seed)
	opts := []embedded.Option{
		embedded.WithBrokers(2), embedded.WithTopic(publisher.DefaultTraceTopic, 1),
		embedded.WithTransactionCheck(6*time.Second, 5*time.Second, 100_000),
	}
	if random.N(2) == 0 {
		opts = append(opts, embedded.WithVersion(headers.Version4_9_7))
	}
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := &transactionStress{
			t: t, c: c, random: random, payloads: make(map[string]string),
			db: &localDatabase{
				manner: checkManner(random.N(3)), random: random,
				rows: make(map[string]localRow), owners: make(map[string]*stressProcess),
			},
		}
		c.Intercept(s.mishap)
		for i := range s.processes {
			s.processes[i] = s.start()
		}
		var workers, chaos sync.WaitGroup
		over := make(chan struct{})
		chaos.Go(func() { s.fail(over) })
		for worker := range 10 {
			workers.Go(func() {
				for n := range 12 {
					s.transaction(worker%2, fmt.Sprintf("worker %d, message %d", worker, n))
				}
			})
		}
		workers.Wait()
		close(over)
		chaos.Wait()
		s.settle()
		for _, p := range s.processes {
			require.NoError(t, p.pub.Close())
		}
		s.closing.Wait()
	}, opts...)
}

// start starts a process.
func (s *transactionStress) start() *stressProcess {
	p := &stressProcess{}
	cfg := publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: s.c.NameServers(), Dial: p.dialer(s.c)}, ProducerGroup: shop,
		SendTimeout:  3*time.Second + s.random.UpTo(time.Minute),
		CloseTimeout: time.Second + s.random.UpTo(10*time.Second),
		Transaction:  publisher.TransactionConfig{Check: s.db.check, Concurrency: 1 + s.random.N(4)},
	}
	if s.random.N(3) == 0 {
		cfg.Transaction.CheckAfter = 7 * time.Second
	}
	cfg.Trace.Enabled = s.random.N(3) == 0
	cfg.RequireDurable = s.random.N(3) == 0
	var err error
	if p.pub, err = publisher.New(cfg, nil); err != nil {
		s.t.Error(err)
	}
	return p
}

// replace ends a process, with Close or by its death, and starts another, unless
// that has happened.
func (s *transactionStress) replace(slot int, before *stressProcess, dies bool) {
	s.mu.Lock()
	current := s.processes[slot] == before
	if current {
		s.processes[slot] = s.start()
	}
	s.mu.Unlock()
	if !current {
		return
	}
	if dies {
		s.db.kill(before)
		before.unplug()
	}
	s.closing.Go(func() {
		if err := before.pub.Close(); err != nil && !errors.Is(err, publisher.ErrCloseTimeout) {
			s.t.Error(err)
		}
	})
}

func (s *transactionStress) process(slot int) *stressProcess {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.processes[slot]
}

// transaction is one transaction, with a local one.
func (s *transactionStress) transaction(slot int, payload string) {
	p := s.process(slot)
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if s.random.N(3) == 0 {
		ctx, cancel = context.WithTimeout(ctx, s.random.UpTo(20*time.Second))
	}
	defer cancel()
	msg := message.NewMessage(payload, []byte(payload))
	msg.SetContext(ctx)
	defer func() {
		if r := recover(); r != nil && r != errLocalPanic {
			panic(r)
		}
	}()
	if s.random.N(2) == 0 {
		err := p.pub.PublishInTransaction(orders, msg, func(_ context.Context, info publisher.TransactionInfo) (publisher.TransactionState, error) {
			return s.local(slot, p, info), nil
		})
		s.isOurs(err)
		return
	}
	tx, err := p.pub.BeginTransaction(orders, msg)
	s.isOurs(err)
	if err != nil {
		return
	}
	end := tx.Commit
	switch s.local(slot, p, tx.Info()) {
	case publisher.TransactionUnknown:
		tx.Unknown()
		return
	case publisher.TransactionRollback:
		end = tx.Rollback
	}
	for range 3 {
		err := end(ctx)
		s.isOurs(err)
		var failed *publisher.TransactionError
		if !errors.As(err, &failed) || !failed.Open {
			return
		}
		time.Sleep(s.random.UpTo(time.Second))
	}
	if s.random.N(2) == 0 {
		tx.Unknown() // else it stays open until Close
	}
}

var errLocalPanic = errors.New("the local transaction of a stress test")

// local is the local transaction.
func (s *transactionStress) local(slot int, p *stressProcess, info publisher.TransactionInfo) publisher.TransactionState {
	s.mu.Lock()
	s.payloads[info.MessageID] = info.UUID
	s.mu.Unlock()
	if !s.db.begin(info.MessageID, p) {
		return publisher.TransactionRollback
	}
	length := 3 * time.Second // with an attempt of 2 s less than transactionTimeOut
	if s.db.manner != withoutEither && s.random.N(4) == 0 {
		length = 20 * time.Second
	}
	time.Sleep(s.random.UpTo(length))
	state := publisher.TransactionRollback
	if s.db.end(info.MessageID, p, s.random.N(4) > 0) {
		state = publisher.TransactionCommit
	}
	switch s.random.N(20) {
	case 0:
		return publisher.TransactionUnknown
	case 1:
		panic(errLocalPanic)
	case 2, 3: // between the two commits
		s.replace(slot, p, true)
	}
	return state
}

// isOurs requires that an error is of a kind that is promised.
func (s *transactionStress) isOurs(err error) {
	var refused *publisher.Error
	var failed *publisher.TransactionError
	if err != nil && !errors.As(err, &refused) && !errors.As(err, &failed) {
		s.t.Errorf("%T: %v", err, err)
	}
}

// mishap is what happens to a request: for the most part nothing.
func (s *transactionStress) mishap(r embedded.Request) embedded.Fault {
	if s.db.isCalm() {
		return embedded.Fault{}
	}
	switch s.random.N(40) {
	case 0:
		return embedded.DropConnection()
	case 1, 2:
		return embedded.StoreThenDrop()
	case 3:
		return embedded.CutAnswer(s.random.N(40))
	case 4:
		return embedded.Ignore()
	case 5, 6:
		return embedded.Delay(s.random.UpTo(10 * time.Second))
	case 7, 8:
		return embedded.DelayAnswer(s.random.UpTo(10 * time.Second))
	case 9:
		return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy")
	case 10:
		return embedded.Answer(headers.GoAway, "")
	}
	if r.Send == nil {
		return embedded.Fault{}
	}
	switch s.random.N(20) {
	case 0:
		return embedded.StoreThenAnswer(headers.FlushDiskTimeout, "")
	case 1:
		return embedded.Answer(headers.MessageIllegal, "")
	case 2, 3, 4:
		return embedded.StoreThenDrop()
	}
	return embedded.Fault{}
}

// fail has servers and processes fail until over is closed, and mends everything.
func (s *transactionStress) fail(over <-chan struct{}) {
	for {
		select {
		case <-over:
			s.mend()
			return
		case <-time.After(s.random.UpTo(4 * time.Second)):
		}
		b := s.c.Broker(s.random.N(2))
		condition := []embedded.Condition{embedded.Hanging, embedded.Busy, embedded.DiskFull, embedded.GoingAway}[s.random.N(4)]
		switch s.random.N(13) {
		case 0, 1:
			b.SetCondition(condition)
		case 12: // all of them, for longer than it takes to be asked about a half message
			for _, b := range s.c.Brokers() {
				b.SetCondition(condition)
			}
			time.Sleep(s.random.UpTo(20 * time.Second))
		case 2, 3:
			b.SetCondition(embedded.Well)
		case 4:
			b.Stop()
		case 5:
			b.Kill()
		case 6, 7:
			s.startBroker(b)
		case 8:
			b.DropConnections()
		case 9:
			if s.db.manner == withTombstones {
				b.CheckTransactions() // before it is time: BeginTransaction may be at work yet
			}
		case 10, 11:
			slot := s.random.N(2)
			s.replace(slot, s.process(slot), s.random.N(2) == 0)
		}
	}
}

func (s *transactionStress) startBroker(b *embedded.Broker) {
	if b.Running() {
		return
	}
	if err := b.Start(); err != nil {
		s.t.Error(err)
	}
}

func (s *transactionStress) mend() {
	s.db.mu.Lock()
	s.db.calm = true
	s.db.mu.Unlock()
	for _, b := range s.c.Brokers() {
		s.startBroker(b)
		b.SetCondition(embedded.Well)
	}
}

// settle gives the checks time to settle what is left, and compares what has been
// delivered with the database.
func (s *transactionStress) settle() {
	t := s.t
	for slot := range s.processes { // open transactions are not asked about where they are open
		s.replace(slot, s.process(slot), false)
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	for _, b := range s.c.Brokers() {
		require.Zero(t, b.CheckTransactions(), "half messages are left on %s", b.Name())
	}
	require.Zero(t, storedIn(s.c, checkMaxTopic))

	delivered := make(map[string]int)
	for _, m := range messagesIn(s.c, orders) {
		delivered[m.UniqueKey]++
		require.Equal(t, s.payloads[m.UniqueKey], string(m.Body))
		require.Equal(t, rowCommitted, s.db.rows[m.UniqueKey], "%s was delivered and is not committed", m.UniqueKey)
	}
	committed := 0
	for _, id := range slices.Sorted(maps.Keys(s.db.rows)) {
		if s.db.rows[id] == rowCommitted {
			committed++
			require.NotZero(t, delivered[id], "%s has committed and was not delivered", id)
		}
	}
	require.NotZero(t, committed)
	t.Logf("check %d: of %d transactions that have begun %d have committed, delivered %d times; %d checks",
		s.db.manner, len(s.payloads), committed, storedIn(s.c, orders), s.db.checks)
}
