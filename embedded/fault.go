package embedded

import (
	"bytes"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Request is a request as an intercepting function sees it. It owns its memory.
type Request struct {
	// Server is the name of the server that received it, such as "broker-a" or
	// "nameserver-0", Addr its address and RemoteAddr the client's.
	Server     string
	Addr       string
	RemoteAddr string
	Code       headers.RequestCode
	Command    headers.Command
	// Send is the header of a send request, nil for others and for those that
	// cannot be read.
	Send *headers.SendMessage
	// FrameSize is the size of the request on the wire, its length included.
	FrameSize int
}

type faultKind int

const (
	noFault faultKind = iota
	faultDelay
	faultAnswer
	faultDelayAnswer
	faultStoreThenDrop
	faultStoreThenAnswer
	faultDrop
	faultIgnore
	faultBytes
	faultCut
	faultContended
)

// Fault is what is to happen to a request instead of what should. The zero
// Fault is none.
type Fault struct {
	kind   faultKind
	wait   time.Duration // before anything is done
	hold   time.Duration // between work and answer
	code   headers.ResponseCode
	remark string
	raw    []byte
	cut    int
}

// Answer answers with code and remark instead of doing the work.
func Answer(code headers.ResponseCode, remark string) Fault {
	return Fault{kind: faultAnswer, code: code, remark: remark}
}

// Delay does the work d after the request arrived. Later requests of the
// connection are not held up, so that answers may come in another order.
func Delay(d time.Duration) Fault { return Fault{kind: faultDelay, wait: d} }

// DelayAnswer does the work at once and answers d later.
func DelayAnswer(d time.Duration) Fault { return Fault{kind: faultDelayAnswer, hold: d} }

// StoreThenDrop does the work and cuts the connection instead of answering.
func StoreThenDrop() Fault { return Fault{kind: faultStoreThenDrop} }

// StoreThenAnswer does the work and, if it went well, answers with code and
// remark in place of success; the answer's fields stay. So do FLUSH_DISK_TIMEOUT
// and its like arrive: the message is stored. A request that failed gets its
// real answer.
func StoreThenAnswer(code headers.ResponseCode, remark string) Fault {
	return Fault{kind: faultStoreThenAnswer, code: code, remark: remark}
}

// DropConnection cuts the connection without doing the work. Answers to earlier
// requests are written before.
func DropConnection() Fault { return Fault{kind: faultDrop} }

// Ignore neither does the work nor answers.
func Ignore() Fault { return Fault{kind: faultIgnore} }

// AnswerBytes writes raw in place of an answer, without doing the work. raw need
// not be a frame.
func AnswerBytes(raw []byte) Fault { return Fault{kind: faultBytes, raw: bytes.Clone(raw)} }

// CutAnswer does the work, writes the first n bytes of the answer and cuts the
// connection.
func CutAnswer(n int) Fault { return Fault{kind: faultCut, cut: n} }

// Contended works on a POP_MESSAGE as if other pops were reading all its queues at the
// moment. It gets no message, and is answered at once or, if it wants to wait, tried
// again when it has begun to; with WithPopKV it waits for the next message. Restnum tells
// what is there, except with WithPopKV. Other requests are worked on as ever.
func Contended() Fault { return Fault{kind: faultContended} }

// After returns f with its effect put off for d after the request's arrival.
func (f Fault) After(d time.Duration) Fault {
	f.wait += d
	return f
}

// Intercept has fn called for every request that arrives at a broker or name
// server, before it is worked on. The first Fault that is not zero, in the order
// in which functions were added, happens to the request; the other functions are
// called all the same. remove takes fn away; requests under way may still call
// it.
//
// For one connection the calls are in the order of arrival; for different ones
// they are concurrent, so fn must be safe for that. No lock is held: fn may use
// the cluster, and stop or kill a broker. It must not call Cluster.Close, which
// waits for fn. Answers to earlier requests are on their way when fn is called, but
// those that wait for the disk, with WithSyncFlush, or for a message.
func (c *Cluster) Intercept(fn func(Request) Fault) (remove func()) {
	return c.interceptors.Add(fn)
}

// faultFor asks the intercepting functions. Where there is a fault it returns
// the command in memory of its own, as the work may be done later.
func (c *Cluster) faultFor(from *conn, frame []byte, cmd *headers.Command) (Fault, headers.Command) {
	list := c.interceptors.All()
	if len(list) == 0 {
		return Fault{}, headers.Command{}
	}
	own, err := headers.ParseFrame(bytes.Clone(frame))
	if err != nil {
		return Fault{}, headers.Command{}
	}
	rq := Request{
		Server: from.srv.Name(), Addr: from.srv.Addr(), RemoteAddr: from.RemoteText,
		Code: headers.RequestCode(cmd.Code), Command: own, FrameSize: headers.FrameLengthSize + len(frame),
	}
	if fields.IsSend(rq.Code) {
		if h, err := headers.ParseSendMessage(&own); err == nil {
			rq.Send = &h
		}
	}
	from.Settle() // they may look at what was stored before,
	from.Flush()  // and wait for its answers to arrive
	var first Fault
	for _, fn := range list {
		if f := fn(rq); first.kind == noFault {
			first = f
		}
	}
	return first, own
}

// suffer lets f happen to a request. cmd owns its memory.
func (c *conn) suffer(f Fault, cmd headers.Command) {
	if f.wait > 0 {
		d := f.wait
		f.wait = 0
		c.srv.cluster.timers.After(d, func() {
			if c.Closed() {
				return
			}
			c.suffer(f, cmd)
			c.Flush()
		})
		return
	}
	rq := request{conn: c, cmd: cmd}
	switch r := rq.reply(); f.kind {
	case faultDelay:
		c.send(r, c.srv.handler.handle(&rq))
	case faultContended:
		rq.contended = true
		c.send(r, c.srv.handler.handle(&rq))
	case faultAnswer:
		c.send(r, refuse(f.code, f.remark))
	case faultDelayAnswer:
		a := c.srv.handler.handle(&rq)
		a.body = bytes.Clone(a.body)
		c.srv.cluster.timers.After(f.hold, func() {
			c.send(r, a)
			c.Flush()
		})
	case faultStoreThenAnswer:
		a := c.srv.handler.handle(&rq)
		if a.code == headers.Success {
			a.code, a.remark = f.code, f.remark
		}
		c.send(r, a)
	case faultStoreThenDrop:
		c.srv.handler.handle(&rq)
		c.Flush()
		c.Close()
	case faultDrop:
		c.Flush()
		c.Close()
	case faultBytes:
		c.sendBytes(f.raw)
	case faultCut:
		c.sendCut(r, c.srv.handler.handle(&rq), f.cut)
	case noFault, faultIgnore:
	}
}

// sendCut writes the first n bytes of an answer and cuts the connection.
func (c *conn) sendCut(r reply, a answer, n int) {
	b := &c.srv.cluster.behaviour
	frame, err := headers.AppendAnswer(nil, b.AnswerIn(r.serialization), b.Version, r.opaque, a.code, a.remark, a.fields, a.body)
	if err == nil && !a.none {
		c.sendBytes(frame[:max(0, min(n, len(frame)))])
	}
	c.Flush()
	c.Close()
}
