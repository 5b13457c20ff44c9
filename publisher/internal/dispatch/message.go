package dispatch

// Message is one message on its way. The first fields are set by who hands it over, and
// not changed afterwards; the rest is guarded by the accumulator's mutex.
type Message struct {
	// Data is the message as it stands in a request with several. It must not change
	// until the message has its result, and after a failure not at all.
	Data []byte
	// KeyHash is the hash of the ordering key of a Keyed message.
	KeyHash uint64
	Keyed   bool
	// Solo says that the message may not share a request.
	Solo bool

	state state
	// passedOver says that others were sent before it, since the answer would have
	// come too late for it.
	passedOver bool
	// several says that its call has other messages, and limited that the call has
	// less time than Config.SendTimeout. They are here for a sender that cuts a
	// batch: a look at each call would cost it more than all the rest.
	several, limited bool
	failures         int32 // attempts that have failed
	index            int32
	call             *Call
	batch            *batch  // the one that sends it, if any does
	report           *Report // nil while there is nothing to tell
}

// state says who may touch a message: the batch that has it, or its call.
type state uint8

const (
	// waiting: in a lane's row, in no batch yet.
	waiting state = iota
	// sending: in a batch.
	sending
	// done: its result is final. A batch that still has it passes it over.
	done
)

// Call returns the call that the message belongs to, and Index its place there.
func (m *Message) Call() *Call { return m.call }

// Index is the message's place in its call.
func (m *Message) Index() int { return int(m.index) }

// nowSending and notSending count the message among those of its call that are being
// sent, if there are others who want to know.
func (m *Message) nowSending() {
	if m.several {
		m.call.sending++
	}
}

func (m *Message) notSending() {
	if m.several {
		m.call.sending--
	}
}

// tell returns the message's report, to be written to.
func (m *Message) tell() *Report {
	if m.report == nil {
		m.report = m.call.reportOf(int(m.index))
	}
	return m.report
}

// finish makes the message's result final. It returns the call if that was the last one
// it waited for. The accumulator's mutex is held.
func (m *Message) finish(now Moment) *Call {
	c := m.call
	if m.state == sending {
		m.notSending()
		m.batch.miss(c.canceled)
	}
	m.state = done
	if m.report != nil {
		m.report.Took = now - c.Began
		c.failed = c.failed || m.report.Err != nil
	}
	return c.finished()
}

// leave writes the report of a message whose caller does not wait for its batch.
func (m *Message) leave(cause error) {
	a := &m.batch.attempt
	if !a.underWay { // between two attempts
		m.giveUp(cause, m.batch.last)
		return
	}
	f := a.failure(0, m.batch.lane.acc.engine.cfg.Sender.Left(a, cause))
	if a.committed {
		f.Outcome = mayBeStored
	}
	m.fail(f)
	m.giveUp(cause, f.Err)
}

// fail notes a failed attempt.
func (m *Message) fail(f Failure) {
	m.failures++
	r := m.tell()
	r.Outcome = max(r.Outcome, f.Outcome)
	r.addFailed(f)
}

// giveUp makes cause the reason why no further attempt is made.
func (m *Message) giveUp(cause, last error) {
	r := m.tell()
	if n := len(r.Failed); last == nil && n > 0 {
		last = r.Failed[n-1].Err // of another batch, before its keys moved
	}
	r.Err, r.GaveUp, r.Last, r.Attempts = cause, true, last, int(m.failures)
}
