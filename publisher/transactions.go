package publisher

import (
	"fmt"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/latest"
)

// keptEnded is how many transactions that have ended are remembered. A copy of one
// is asked about when transactionTimeOut and transactionCheckInterval have passed,
// 36 s by default: time for 3,600 transactions a second. Brokers may have been given
// any other interval, so none is forgotten before there is no room.
const keptEnded = 1 << 17

// halfPlace is where a half message is. A broker moves it with each check.
type halfPlace struct {
	addr   string // of the broker
	broker string // its name, empty if a 4.9 broker has not told it
	table  int64  // offset in the queue of half messages
	log    int64  // offset in the commit log
}

// end is the request that ends the transaction whose half message is there. id is the
// unique id of the message.
func (h halfPlace) end(group, topic, id string, state TransactionState) *headers.EndTransaction {
	return &headers.EndTransaction{
		ProducerGroup:    group,
		StateTableOffset: h.table,
		CommitLogOffset:  h.log,
		End:              state.end(),
		MessageID:        id,
		TransactionID:    id,
		Topic:            topic,
		BrokerName:       h.broker,
	}
}

// transactions are the transactions of a publisher that are open, and the latest
// of those whose end a broker has confirmed: ended.Most says how many.
type transactions struct {
	mu sync.Mutex
	// open has those that are open by message id. It is nil for one that is being
	// begun: attempts to store its half message are under way.
	open  map[string]*Transaction
	ended latest.IDs
}

// count returns how many are open.
func (s *transactions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// begin notes that the half message of a transaction is about to be sent. From now
// on its owner is the one who decides, until add and remove, or abandon.
func (s *transactions) begin(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(id, nil)
}

// abandon notes that a transaction has not begun after all.
func (s *transactions) abandon(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// add notes that a transaction has begun.
func (s *transactions) add(t *Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(t.info.MessageID, t)
}

// put adds to open. The mutex is held.
func (s *transactions) put(id string, t *Transaction) {
	if s.open == nil {
		s.open = make(map[string]*Transaction)
	}
	s.open[id] = t
}

// take lets one caller end the transaction, and says where its half message is.
// The others get ErrTransactionEnded, with how it has ended.
func (s *transactions) take(t *Transaction) (halfPlace, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.taken {
		return halfPlace{}, fmt.Errorf("%w (%s)", ErrTransactionEnded, t.ending())
	}
	t.taken = true
	return t.place, nil
}

// ending is how a transaction that is taken has ended, for people. The mutex is
// held.
func (t *Transaction) ending() string {
	switch {
	case !t.over:
		return "another call is ending it"
	case t.as == TransactionCommit:
		return "committed"
	case t.as == TransactionRollback:
		return "rolled back"
	default:
		return "left to the check"
	}
}

// giveBack undoes take.
func (s *transactions) giveBack(t *Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.taken = false
}

// remove forgets a transaction that was taken. as is the end that a broker has
// confirmed to its owner, by which it is remembered as ended, or unknown.
func (s *transactions) remove(t *Transaction, as TransactionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.over, t.as = true, as
	id := t.info.MessageID
	delete(s.open, id)
	if as != TransactionUnknown {
		s.ended.Add(id)
	}
}

// commit remembers a transaction that a broker has committed by the answer to a
// check. One that it has rolled back by such an answer is not remembered: that was
// said of one half message, and there may be another one under the same id, sent
// again after a lost answer, whose transaction began only then.
func (s *transactions) commit(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended.Add(id)
}

// hasEnded reports whether every half message of that id is to be dropped: its
// transaction was committed, or rolled back by its owner, and a broker has confirmed
// that.
func (s *transactions) hasEnded(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended.Has(id)
}

// find reports whether the transaction is open, and returns it unless it is still
// being begun.
func (s *transactions) find(id string) (t *Transaction, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, open = s.open[id]
	return t, open
}

// move notes where a check has moved the half message of an open transaction, which
// is ended there from now on: the copies before it are dead.
func (s *transactions) move(t *Transaction, table, log int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.place.table, t.place.log = table, log
}
