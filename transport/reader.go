package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	readBufferSize = 16 << 10
	// maxRefusals is how many requests of the peer may wait for their refusal.
	// Those of a peer that asks faster than it reads are dropped, so that it
	// cannot fill the memory.
	maxRefusals = 64
)

// readLoop takes frames from the peer until the connection ends, and then sees
// the connection off.
func (cn *conn) readLoop() {
	defer cn.client.wg.Done()
	cn.fail("read", cn.read())
	<-cn.written
	cn.client.remove(cn)
	if cn.client.cfg.Events.Disconnected != nil {
		cn.client.cfg.Events.Disconnected(cn.addr, cn.cause())
	}
}

// read handles frames until one cannot be had, and says why.
func (cn *conn) read() error {
	for {
		cn.standBack()
		cmd, err := cn.in.next()
		if err != nil {
			return cn.readError(err)
		}
		cn.handle(cmd)
	}
}

// readError says why no frame can be had.
func (cn *conn) readError(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("closed by the peer: %w", cn.wantsTLS(err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("closed by the peer within a frame: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("nothing read for %v: %w", cn.client.cfg.IdleTimeout, err)
	case !cn.hasHeard():
		return certificateRefused(cn.wantsTLS(err), false)
	default:
		return err
	}
}

// handle deals with one frame of the peer.
func (cn *conn) handle(cmd headers.Command) {
	switch {
	case cmd.IsResponse():
		cn.settle(cmd)
	case !cmd.IsOneway():
		cn.refuse(cmd)
	case cn.client.cfg.Requests != nil:
		cn.client.cfg.Requests(cn.addr, cmd)
	}
}

// incoming is the socket as the reader sees it: any byte that comes is a sign of
// life, not whole frames only, as a large frame may take its time.
type incoming struct {
	cn       *conn
	deadline time.Time
}

// Read reads from the socket until IdleTimeout has passed without a byte.
func (in *incoming) Read(p []byte) (int, error) {
	// The deadline is moved now and then, not each time: that costs more than
	// reading a small frame. Idle connections end up to an eighth early.
	idle := in.cn.client.cfg.IdleTimeout
	if now := time.Now(); in.deadline.Sub(now) < idle-idle/8 {
		in.deadline = now.Add(idle)
		if err := in.cn.nc.SetReadDeadline(in.deadline); err != nil {
			return 0, err
		}
		if in.cn.isWanted() {
			return 0, os.ErrDeadlineExceeded // the one that was to interrupt has just been undone
		}
	}
	n, err := in.cn.nc.Read(p)
	if n > 0 {
		in.cn.mu.Lock()
		in.cn.silence.hear(time.Now())
		in.cn.heard = true
		in.cn.mu.Unlock()
	}
	return n, err
}

// frameReader takes frames off a stream. After an error that goes away, such as a
// passed deadline, it goes on where it was. It belongs to whose turn it is to
// read.
type frameReader struct {
	in   *bufio.Reader
	most int
	// frame is the one under way, of which have bytes have come.
	frame []byte
	have  int
}

// next reads one frame. The Command owns its memory. The length is checked before
// anything is allocated for it. io.EOF means that the frames ended where a frame
// ends.
func (r *frameReader) next() (headers.Command, error) {
	if r.frame == nil {
		if err := r.begin(); err != nil {
			return headers.Command{}, err
		}
	}
	n, err := io.ReadFull(r.in, r.frame[r.have:])
	if r.have += n; err != nil {
		return headers.Command{}, noEOF(err)
	}
	frame := r.frame
	r.frame = nil
	return headers.ParseFrame(frame)
}

// begin reads the length of the next frame.
func (r *frameReader) begin() error {
	length, err := r.in.Peek(headers.FrameLengthSize)
	if err != nil {
		if len(length) > 0 {
			err = noEOF(err)
		}
		return err
	}
	size, err := headers.FrameSize([headers.FrameLengthSize]byte(length), r.most)
	if err != nil {
		if isAlert([headers.FrameLengthSize]byte(length)) {
			return fmt.Errorf("TLS alert for an answer (the server wants TLS): %w", err)
		}
		return err
	}
	if _, err := r.in.Discard(headers.FrameLengthSize); err != nil {
		return err
	}
	r.frame, r.have = make([]byte, size), 0
	return nil
}

// noEOF turns the end of the input, where it comes too early, into that.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// refuse answers a request of the peer that wants an answer: nobody here has one. Without an
// answer the peer would wait for its own time-out.
func (cn *conn) refuse(cmd headers.Command) {
	frame := cn.client.frames.Get()
	var err error
	*frame, err = headers.AppendResponse(*frame, cmd.Serialization, cmd.Opaque, headers.RequestNotSupported,
		fmt.Sprintf("request type %d not supported", cmd.Code), nil, nil)
	if err != nil {
		return // cannot be: the frame is small
	}
	cn.mu.Lock()
	fits := cn.err == nil && cn.refusals < maxRefusals
	if fits {
		cn.refusals++
		cn.queue = append(cn.queue, outgoing{frame: frame, opaque: cmd.Opaque})
	}
	cn.mu.Unlock()
	if !fits {
		cn.client.frames.Put(frame)
		return
	}
	cn.wakeWriter()
}
