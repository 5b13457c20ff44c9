package transport_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// echo is a connection in memory to a peer that answers each request with its
// own body. It allocates nothing once its buffer has grown.
type echo struct {
	net.Conn // its methods are not called
	s        headers.Serialization

	mu      sync.Mutex
	more    sync.Cond
	answers []byte
	read    int
	closed  bool
}

func newEcho(s headers.Serialization) *echo {
	e := &echo{s: s}
	e.more.L = &e.mu
	return e
}

// Write takes whole frames of binary requests, as the client writes them.
func (e *echo) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers = appendAnswers(e.answers, b, e.s)
	e.more.Signal()
	return len(b), nil
}

// appendAnswers answers the binary requests in b. Their number is the five bytes
// after the length, the header's length, the code and the version.
func appendAnswers(dst, b []byte, s headers.Serialization) []byte {
	for len(b) > 0 {
		size := 4 + int(binary.BigEndian.Uint32(b))
		header := int(binary.BigEndian.Uint32(b[4:]) & 0xffffff)
		opaque := int32(binary.BigEndian.Uint32(b[13:]))
		dst, _ = headers.AppendResponse(dst, s, opaque, headers.Success, "", nil, b[8+header:size])
		b = b[size:]
	}
	return dst
}

func (e *echo) Read(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.read == len(e.answers) {
		if e.closed {
			return 0, io.EOF
		}
		e.answers, e.read = e.answers[:0], 0
		e.more.Wait()
	}
	n := copy(b, e.answers[e.read:])
	e.read += n
	return n, nil
}

func (e *echo) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.more.Signal()
	return nil
}

func (*echo) SetReadDeadline(time.Time) error  { return nil }
func (*echo) SetWriteDeadline(time.Time) error { return nil }

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop things at random")
	}
	for _, tt := range []struct {
		s    headers.Serialization
		want float64
	}{
		{headers.Binary, 1}, // the answer's frame, which the caller gets
		{headers.JSON, 1},
	} {
		t.Run(tt.s.String(), func(t *testing.T) {
			c := newClient(t, transport.Config{
				Serialization: headers.Binary,
				Dial:          func(context.Context, string, string) (net.Conn, error) { return newEcho(tt.s), nil },
			})
			ctx, body := t.Context(), make([]byte, 100)
			var request headers.Request = headers.Heartbeat{}
			require.Equal(t, tt.want, testing.AllocsPerRun(1000, func() {
				if _, err := c.Invoke(ctx, addr, request, body); err != nil {
					t.Fatal(err)
				}
			}))
		})
	}
}
