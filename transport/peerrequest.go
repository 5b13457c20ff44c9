package transport

import (
	"fmt"
	"sync/atomic"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// maxAnswers is how many answers to requests of the peer may wait to be written
	// to it, and maxAnswerBytes how many bytes they may have together, unless it is a
	// single one. A peer may ask faster than it reads, and must not fill the memory.
	maxAnswers     = 64
	maxAnswerBytes = 4 << 20
)

// RequestHandler is given a request that a peer makes of this client, such as a
// broker's question for a consumer's state.
//
// One at a time is called for each connection, outside all locks, by whoever reads
// from it: the reader of the connection, or an Invoke that waits for its own answer.
// Nothing more is read until it returns. So it only takes the request and returns, and
// what takes time goes on elsewhere, which may answer later. It bounds what it keeps of
// requests: a peer may send as many as it likes. It must not call Close, nor wait for a
// call to that address.
type RequestHandler func(request *PeerRequest)

// PeerRequest is a request that a peer makes over a connection of the Client. It owns
// its memory, so that it may be kept. Its methods are safe for concurrent use and may be
// called at any time, also when the connection or the Client has ended. One that does
// not come from a Client can be read but not answered.
type PeerRequest struct {
	headers.Command
	// Addr is the address that the Client has dialed the peer by.
	Addr string

	conn     *conn
	answered atomic.Bool
}

// Answer queues the answer to the request, in the serialization that the request has.
// It does not wait for it to be written. fields may be nil; fields and body are read
// before Answer returns and not kept. To a one-way request, which must not be answered,
// it sends nothing and returns nil.
//
// Nil means that the answer goes out unless the connection ends before. Every error is
// an *OpError whose Op is "answer": the connection has ended, and its cause is in the
// error; ErrTooManyAnswers; headers.ErrTooLarge; or ErrAnswered. Nothing is sent then,
// and except after ErrAnswered another answer may be tried.
func (r *PeerRequest) Answer(code headers.ResponseCode, remark string, fields headers.FieldAppender, body []byte) error {
	if r.IsOneway() {
		return nil
	}
	err := ErrAnswered
	if r.conn == nil { // made by hand, as in a test of a handler
		err = errGone
	} else if r.answered.CompareAndSwap(false, true) {
		if err = r.conn.answer(&r.Command, code, remark, fields, body); err == nil {
			return nil
		}
		r.answered.Store(false)
	}
	return &OpError{Op: "answer", Addr: r.Addr, Err: err}
}

// Refuse answers that the request is not supported (REQUEST_CODE_NOT_SUPPORTED), as the
// Client itself answers requests that have no handler. Its errors are those of Answer.
func (r *PeerRequest) Refuse() error {
	return r.Answer(headers.RequestNotSupported, fmt.Sprintf("request type %d not supported", r.Code), nil, nil)
}

// serve hands a request of the peer to its handler. One that wants an answer and has no
// handler is refused: without an answer the peer would wait for its own time-out. One
// whose answer would find no room is dropped, since the peer does not read.
func (cn *conn) serve(cmd headers.Command) {
	handler := cn.client.cfg.Requests[headers.RequestCode(cmd.Code)]
	if cmd.IsOneway() && handler == nil || !cmd.IsOneway() && !cn.hasAnswerRoom() {
		return
	}
	request := &PeerRequest{Command: cmd, Addr: cn.addr, conn: cn}
	if handler == nil {
		_ = request.Refuse() // the connection has ended, and the peer knows
		return
	}
	handler(request)
}

// hasAnswerRoom reports whether it is worth while to ask for another answer.
func (cn *conn) hasAnswerRoom() bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.answers < maxAnswers && !cn.answersFull
}

// answer queues the answer to a request of the peer.
func (cn *conn) answer(request *headers.Command, code headers.ResponseCode, remark string, fields headers.FieldAppender, body []byte) error {
	frame := cn.client.frames.Get()
	var err error
	*frame, err = headers.AppendResponse(*frame, request.Serialization, request.Opaque, code, remark, fields, body)
	if err == nil {
		err = cn.client.cfg.checkSize(*frame)
	}
	if err == nil {
		err = cn.enqueueAnswer(frame, request.Opaque)
	}
	if err != nil {
		cn.client.frames.Put(frame)
		return err
	}
	cn.wakeWriter()
	return nil
}

func (cn *conn) enqueueAnswer(frame *[]byte, opaque int32) error {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	switch {
	case cn.err != nil:
		return fmt.Errorf("%w: %w", errGone, cn.err)
	case cn.answers >= maxAnswers, cn.answers > 0 && cn.answerBytes+len(*frame) > maxAnswerBytes:
		cn.answersFull = true
		return ErrTooManyAnswers
	}
	cn.answers++
	cn.answerBytes += len(*frame)
	cn.queue = append(cn.queue, outgoing{frame: frame, opaque: opaque})
	return nil
}
