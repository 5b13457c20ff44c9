package publisher

import (
	"fmt"
	"sync"
)

// keptEnded is how many transactions that have ended are remembered.
const keptEnded = 4096

// halfPlace is where a half message is. A broker moves it with each check.
type halfPlace struct {
	addr   string // of the broker
	broker string // its name, empty if a 4.9 broker has not told it
	table  int64  // offset in the queue of half messages
	log    int64  // offset in the commit log
}

// standing is what the publisher knows of a transaction that it is asked about.
type standing int

const (
	// standingUnknown: somebody else's, or one whose end was not confirmed.
	standingUnknown standing = iota
	// standingOpen: its owner in this process has not decided, or is about to say
	// so to the broker.
	standingOpen
	// standingEnded: a broker has confirmed its end.
	standingEnded
)

// transactions are the transactions of a publisher that are open, and the latest
// of those whose end a broker has confirmed. The zero value is ready.
type transactions struct {
	mu    sync.Mutex
	open  map[string]*Transaction // by message id
	ended map[string]struct{}
	order []string // of ended: a ring, the oldest at next
	next  int
}

func (s *transactions) add(t *Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[string]*Transaction)
	}
	s.open[t.info.MessageID] = t
	delete(s.ended, t.info.MessageID)
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
// confirmed, by which it is remembered as ended, or unknown.
func (s *transactions) remove(t *Transaction, as TransactionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.over, t.as = true, as
	id := t.info.MessageID
	delete(s.open, id)
	if as != TransactionUnknown {
		s.remember(id)
	}
}

// confirm remembers a transaction that a broker has been told the end of, and has
// confirmed.
func (s *transactions) confirm(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(id)
}

// remember adds to ended. The mutex is held.
func (s *transactions) remember(id string) {
	if _, ok := s.ended[id]; ok || id == "" {
		return
	}
	if s.ended == nil {
		s.ended = make(map[string]struct{})
	}
	if len(s.order) < keptEnded {
		s.order = append(s.order, id)
	} else {
		delete(s.ended, s.order[s.next])
		s.order[s.next] = id
		s.next = (s.next + 1) % keptEnded
	}
	s.ended[id] = struct{}{}
}

// see tells of a check and where it has moved the half message. An open
// transaction is ended there from now on: the copies before it are dead.
func (s *transactions) see(id string, place halfPlace) standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.open[id]; t != nil {
		t.place = place
		return standingOpen
	}
	if _, ok := s.ended[id]; ok {
		return standingEnded
	}
	return standingUnknown
}
