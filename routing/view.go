package routing

// View is one of the two ways to look at a route. A fault of one is none of the
// other: a topic that is read-only has queues to read.
type View uint8

const (
	// Writing is a publisher's view: the queues to write, on brokers that have a
	// master.
	Writing View = iota
	// Reading is a subscriber's view: the queues to read, on masters and slaves.
	Reading

	views = 2
)

// String is "writing" or "reading".
func (v View) String() string {
	if v == Reading {
		return "reading"
	}
	return "writing"
}
