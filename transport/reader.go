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

const readBufferSize = 16 << 10

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
		cmd, err := cn.next()
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
	case errors.Is(err, errUnfinished):
		return err
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
	if cmd.IsResponse() {
		cn.settle(cmd)
	} else {
		cn.serve(cmd)
	}
}

// errUnfinished means that a frame took longer than IdleTimeout and did not keep up
// with slowestFrame. Its peer sends something now and then and is none the less of
// no use.
var errUnfinished = fmt.Errorf("a frame does not end: %w", os.ErrDeadlineExceeded)

// incoming is the socket as the reader sees it: any byte that comes is a sign of
// life, not whole frames only, as a large frame may take its time.
type incoming struct {
	cn       *conn
	deadline time.Time
	reads    int // how many have brought something since the last frame was whole
}

// Read reads from the socket until IdleTimeout has passed without a byte.
func (in *incoming) Read(p []byte) (int, error) {
	// The deadline is moved now and then, not each time: that costs more than
	// reading a small frame. Idle connections end up to an eighth early.
	idle := in.cn.client.cfg.IdleTimeout
	if now := time.Now(); in.deadline.Sub(now) < idle-idle/8 {
		if in.reads > 0 && in.cn.silence.lags(now, idle) {
			return 0, errUnfinished
		}
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
		in.cn.silence.hear(time.Now(), n, in.reads == 0)
		in.cn.heard = true
		in.cn.mu.Unlock()
		in.reads++
	}
	return n, err
}

// frameEnds notes that a frame is whole. One that came in one read needs no lock:
// it began and ended at the same time.
func (in *incoming) frameEnds() {
	if in.reads > 1 {
		in.cn.mu.Lock()
		in.cn.silence.whole()
		in.cn.mu.Unlock()
	}
	in.reads = 0
}

// next reads one frame. It is called by whose turn it is.
func (cn *conn) next() (headers.Command, error) {
	cmd, err := cn.in.next()
	if err == nil {
		cn.socket.frameEnds()
	}
	return cmd, err
}

// frameReader takes frames off a stream. After an error that goes away, such as a
// passed deadline, it goes on where it was. It belongs to whose turn it is to
// read.
type frameReader struct {
	in   *bufio.Reader
	most int
	// size is that of the frame under way, zero if there is none. Its first have
	// bytes are in frame, which grows as they come.
	size  int
	frame []byte
	have  int
}

// firstFrameSize is how much of a frame is allocated before any of its content has
// come, so that four bytes do not cost the largest frame that may be.
const firstFrameSize = 64 << 10

// next reads one frame. The Command owns its memory. The length is checked before
// anything is allocated for it. io.EOF means that the frames ended where a frame
// ends.
func (r *frameReader) next() (headers.Command, error) {
	if r.size == 0 {
		if err := r.begin(); err != nil {
			return headers.Command{}, err
		}
	}
	for r.have < r.size {
		if r.have == len(r.frame) {
			larger := make([]byte, min(r.size, 2*len(r.frame)))
			copy(larger, r.frame)
			r.frame = larger
		}
		n, err := io.ReadFull(r.in, r.frame[r.have:])
		if r.have += n; err != nil {
			return headers.Command{}, noEOF(err)
		}
	}
	frame := r.frame
	r.frame, r.size = nil, 0
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
	r.size, r.have = size, 0
	r.frame = make([]byte, min(size, firstFrameSize))
	return nil
}

// noEOF turns the end of the input, where it comes too early, into that.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
