package publisher

import "sync"

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
func (s *transactions) take(t *Transaction) (halfPlace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.taken {
		return halfPlace{}, false
	}
	t.taken = true
	return t.place, true
}

// giveBack undoes take.
func (s *transactions) giveBack(t *Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.taken = false
}

// remove forgets a transaction that was taken. If its end was confirmed it is
// remembered as ended.
func (s *transactions) remove(t *Transaction, confirmed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := t.info.MessageID
	delete(s.open, id)
	if confirmed {
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
