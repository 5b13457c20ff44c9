//go:build unix

package transport

import (
	"net"
	"os"
	"syscall"
)

// eagerWriter writes to a socket as much as it takes at once, without ever waiting
// for the peer. It belongs to who has the connection's held.
type eagerWriter struct {
	nc  *net.TCPConn
	raw syscall.RawConn
	// attempt is a func of the writer's own, as one made for each write would have
	// to be allocated. What it works on follows.
	attempt func(fd uintptr) bool
	data    []byte
	n       int
	err     error
}

// newEagerWriter returns nil if nc is not a plain TCP connection.
func newEagerWriter(nc net.Conn) *eagerWriter {
	tc, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tc.SyscallConn()
	if err != nil {
		return nil // the connection is broken, which the reader is about to see
	}
	w := &eagerWriter{nc: tc, raw: raw}
	w.attempt = func(fd uintptr) bool {
		for w.n < len(w.data) {
			n, err := syscall.Write(int(fd), w.data[w.n:])
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				return true // the socket is full
			case err != nil:
				w.err = err
				return true
			}
			w.n += n
		}
		return true
	}
	return w
}

// write returns how many bytes the network has accepted. Fewer than data has, and
// no error, means that it takes no more now.
func (w *eagerWriter) write(data []byte) (int, error) {
	w.data, w.n, w.err = data, 0, nil
	err := w.raw.Write(w.attempt)
	w.data = nil
	if w.err != nil {
		err = &net.OpError{
			Op: "write", Net: "tcp", Source: w.nc.LocalAddr(), Addr: w.nc.RemoteAddr(),
			Err: os.NewSyscallError("write", w.err),
		}
	}
	return w.n, err
}
