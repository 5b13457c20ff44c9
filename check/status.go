package check

// Status is what a check has found about one thing.
type Status int

// The statuses. The zero value is Unknown.
const (
	// Unknown: it could not be found out; the reason says why.
	Unknown Status = iota
	OK
	// Warning: something is not as it should be, and keeps no message from being
	// published. It is for those who run the cluster.
	Warning
	// Bad: messages, or some of them, cannot be published.
	Bad
)

// String returns "unknown", "ok", "warning" or "BAD".
func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Warning:
		return "warning"
	case Bad:
		return "BAD"
	default:
		return "unknown"
	}
}
