package commitlog

import "sync/atomic"

// mapping is a file in memory. It goes, and with it the room that a removed file takes on
// the disk, when nobody has it any more.
type mapping struct {
	view  []byte
	users atomic.Int64 // the log, and who reads at the moment
}

// newMapping returns one that the caller has.
func newMapping(view []byte) *mapping {
	m := &mapping{view: view}
	m.users.Add(1)
	return m
}

// take is called while somebody else has it.
func (m *mapping) take() { m.users.Add(1) }

func (m *mapping) leave() error {
	if m.users.Add(-1) > 0 {
		return nil
	}
	return unmap(m.view)
}
