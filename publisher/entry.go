package publisher

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// entry is one message on its way: ready to be sent, since all that can be wrong
// with it has been looked at, and with the call that waits for it. What it is
// made of does not change once it is in an outbox; the rest is guarded by the
// outbox's mutex.
type entry struct {
	id messageID
	// list is where properties are put on their way into data.
	list []headers.Property
	// data owns the bytes of body and properties, so that the caller's message
	// is free when Publish returns, whatever still goes on behind it.
	data       []byte
	body       []byte
	properties []byte
	flag       int32
	sysFlag    int32
	born       int64 // milliseconds since 1970
	// reconsumed and maxReconsumes are for %RETRY% topics only.
	reconsumed, maxReconsumes int32
	// solo says that the message may not share a request.
	solo bool

	// keyHash is the hash of the ordering key of a keyed message.
	keyHash uint64
	keyed   bool

	call   *call
	batch  *batch // the one that sends it, if any does
	result *Result
	// place is where the broker's answer says the message is; see fillIDs.
	place place
	// state says who may touch result: the batch that has the entry, or the call.
	state entryState
}

type entryState int

const (
	// entryWaiting: in its outbox, in no batch yet.
	entryWaiting entryState = iota
	// entrySending: in a batch that is being sent.
	entrySending
	// entryDone: its result is final. A batch that still has it passes it over.
	entryDone
)

// size is what the entry counts against the limits of batches and memory, in
// bytes.
func (e *entry) size() int { return body.BatchMessageSize(e.body, e.properties) }

// place is a message's entry in the list of offset message ids of an answer,
// which is kept as it came: few callers want to see it.
type place struct {
	list     []byte
	index, n int
}

// offsetID returns the message's offset message id. All in a list are of one
// length, since they name one broker.
func (p place) offsetID() string {
	if p.n == 0 {
		return ""
	}
	step := (len(p.list) + 1) / p.n
	if step*p.n != len(p.list)+1 {
		return "" // not the list of these messages
	}
	return string(p.list[p.index*step : (p.index+1)*step-1])
}

// keepList keeps the memory of the list, and nothing that was in it.
func (e *entry) keepList(list []headers.Property) {
	clear(list)
	e.list = list[:0]
}

// finish makes the entry's result final. It returns the call if that was the
// last one it waited for. The outbox's mutex is held.
func (e *entry) finish(now time.Time) *call {
	e.state = entryDone
	c := e.call
	e.result.Took = now.Sub(c.began)
	if e.result.Err != nil {
		c.failed = true
	}
	if c.left--; c.left > 0 {
		return nil
	}
	if c.watching {
		c.outbox.watch.remove(c)
	}
	return c
}
