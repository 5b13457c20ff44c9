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
	in := bufio.NewReaderSize(&incoming{cn: cn}, readBufferSize)
	for {
		cmd, err := readFrame(in, cn.client.cfg.MaxFrameSize)
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("closed by the peer: %w", err)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("closed by the peer within a frame: %w", err)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("nothing read for %v: %w", cn.client.cfg.IdleTimeout, err)
		case err != nil && !cn.hasHeard():
			return certificateRefused(err, false)
		case err != nil:
			return err
		}
		switch {
		case cmd.IsResponse():
			cn.settle(cmd)
		case !cmd.IsOneway():
			cn.refuse(cmd)
		}
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

// readFrame reads one frame. The Command owns its memory. The length is checked
// before anything is allocated for it. io.EOF means that the frames ended where
// a frame ends.
func readFrame(in *bufio.Reader, most int) (headers.Command, error) {
	length, err := in.Peek(headers.FrameLengthSize)
	if err != nil {
		if len(length) > 0 {
			err = noEOF(err)
		}
		return headers.Command{}, err
	}
	size, err := headers.FrameSize([headers.FrameLengthSize]byte(length), most)
	if err != nil {
		return headers.Command{}, err
	}
	if _, err := in.Discard(headers.FrameLengthSize); err != nil {
		return headers.Command{}, err
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(in, frame); err != nil {
		return headers.Command{}, noEOF(err)
	}
	return headers.ParseFrame(frame)
}

// noEOF turns the end of the input, where it comes too early, into that.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// refuse answers a request of the peer that nobody here handles. Without an
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
