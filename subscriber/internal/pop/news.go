package pop

import "sync"

// news wakes all who wait. The zero value is ready, and safe for concurrent use.
type news struct {
	mu sync.Mutex
	c  chan struct{} // closed and dropped by tell; nil if nobody has asked for it
}

// next returns a channel that is closed by the next tell.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c == nil {
		n.c = make(chan struct{})
	}
	return n.c
}

// tell wakes those who wait.
func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c != nil {
		close(n.c)
		n.c = nil
	}
}
