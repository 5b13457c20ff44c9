package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBuffer is what a pipe holds before a Write waits for the reader, about
// what the kernel holds for a loopback connection.
const pipeBuffer = 256 << 10

// conn is one end of a connection without a socket. Unlike net.Pipe it
// buffers, as TCP does: a peer that writes before it reads must not lock up.
// It waits on a condition variable, which testing/synctest knows as blocked.
type conn struct {
	in, out       *halfPipe
	local, remote net.Addr
}

// pipe returns the two ends of a connection.
func pipe(clientAddr, serverAddr net.Addr) (client, server *conn) {
	up, down := newHalfPipe(), newHalfPipe()
	client = &conn{in: down, out: up, local: clientAddr, remote: serverAddr}
	server = &conn{in: up, out: down, local: serverAddr, remote: clientAddr}
	return client, server
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// Close ends both directions. The peer reads what was written before, then
// io.EOF; its writes fail.
func (c *conn) Close() error {
	c.out.closeWriter()
	c.in.closeReader()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.readLimit.set(t)
	c.out.writeLimit.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.readLimit.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.writeLimit.set(t)
	return nil
}

// wrap gives an error the form it has from a TCP connection. io.EOF stays bare.
func (c *conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// halfPipe is one direction of a connection.
type halfPipe struct {
	mu           sync.Mutex // guards all but the limits' own timers
	change       sync.Cond  // of mu; anything below has changed
	buf          []byte     // written and not yet read
	start        int        // of the unread part of buf
	writerClosed bool       // no more bytes come
	readerClosed bool       // no one wants them
	readLimit    limit
	writeLimit   limit
}

func newHalfPipe() *halfPipe {
	h := &halfPipe{}
	h.change.L = &h.mu
	h.readLimit.pipe = h
	h.writeLimit.pipe = h
	return h
}

func (h *halfPipe) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerClosed:
			return 0, net.ErrClosed
		case h.readLimit.passed:
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > h.start:
			n := copy(p, h.buf[h.start:])
			h.start += n
			if h.start == len(h.buf) {
				h.buf, h.start = h.buf[:0], 0
			}
			h.change.Broadcast()
			return n, nil
		case h.writerClosed:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		h.change.Wait()
	}
}

func (h *halfPipe) write(p []byte) (written int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writerClosed:
			return written, net.ErrClosed
		case h.readerClosed:
			return written, io.ErrClosedPipe
		case h.writeLimit.passed:
			return written, os.ErrDeadlineExceeded
		case len(p) == 0:
			return written, nil
		}
		if room := pipeBuffer - (len(h.buf) - h.start); room > 0 {
			n := min(room, len(p))
			if h.start > 0 && len(h.buf)+n > cap(h.buf) {
				h.buf = append(h.buf[:0], h.buf[h.start:]...)
				h.start = 0
			}
			h.buf = append(h.buf, p[:n]...)
			p = p[n:]
			written += n
			h.change.Broadcast()
			continue
		}
		h.change.Wait()
	}
}

func (h *halfPipe) closeWriter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writerClosed = true
	h.writeLimit.clear()
	h.change.Broadcast()
}

func (h *halfPipe) closeReader() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readerClosed = true
	h.readLimit.clear()
	h.buf, h.start = nil, 0
	h.change.Broadcast()
}

// limit is a deadline of one side of a halfPipe, whose mu guards it.
type limit struct {
	pipe   *halfPipe
	timer  *time.Timer
	epoch  int // counts the settings, so that a timer of an older one does nothing
	passed bool
}

func (l *limit) set(t time.Time) {
	l.pipe.mu.Lock()
	defer l.pipe.mu.Unlock()
	l.clear()
	if !t.IsZero() && !l.pipe.readerClosed && !l.pipe.writerClosed {
		if d := time.Until(t); d > 0 {
			epoch := l.epoch
			l.timer = time.AfterFunc(d, func() { l.pass(epoch) })
		} else {
			l.passed = true
		}
	}
	l.pipe.change.Broadcast()
}

// clear takes the deadline back. The caller holds the pipe's mu.
func (l *limit) clear() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.epoch++
	l.passed = false
}

func (l *limit) pass(epoch int) {
	l.pipe.mu.Lock()
	defer l.pipe.mu.Unlock()
	if l.epoch == epoch {
		l.passed = true
		l.pipe.change.Broadcast()
	}
}
