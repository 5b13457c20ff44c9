package nullbroker

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const bufferSize = 256 << 10

// conn is a connection from a client. One goroutine reads requests and writes the
// answers of all that has come in one write.
type conn struct {
	broker *Broker
	nc     net.Conn
	in     *bufio.Reader
	frame  []byte
	out    []byte
	result headers.SendResult            // of the request in work
	length [headers.FrameLengthSize]byte // of the frame in work
	topics map[string]*topic             // seen on this connection
}

func newConn(b *Broker, nc net.Conn) *conn {
	return &conn{broker: b, nc: nc, in: bufio.NewReaderSize(nc, bufferSize), topics: map[string]*topic{}}
}

// serve answers requests until the connection ends. What ends it is the client's
// affair, who sees the connection closed.
func (c *conn) serve() {
	for {
		frame, err := c.next()
		if err != nil {
			return
		}
		command, err := headers.ParseFrame(frame)
		if err != nil {
			return
		}
		if !command.IsResponse() {
			if err := c.answer(&command); err != nil {
				return
			}
		}
		if c.more() {
			continue
		}
		if _, err := c.nc.Write(c.out); err != nil {
			return
		}
		c.out = c.out[:0]
	}
}

// next returns the next frame, without its length. It is valid until the next
// call.
func (c *conn) next() ([]byte, error) {
	if _, err := io.ReadFull(c.in, c.length[:]); err != nil {
		return nil, err
	}
	size, err := headers.FrameSize(c.length, headers.MaxFrameSize)
	if err != nil {
		return nil, err
	}
	if cap(c.frame) < size {
		c.frame = make([]byte, size)
	}
	_, err = io.ReadFull(c.in, c.frame[:size])
	return c.frame[:size], err
}

// more reports whether a whole request has already been read, so that its answer
// can go with those that are waiting.
func (c *conn) more() bool {
	if c.in.Buffered() < headers.FrameLengthSize {
		return false
	}
	length, err := c.in.Peek(headers.FrameLengthSize)
	return err == nil && c.in.Buffered() >= headers.FrameLengthSize+int(binary.BigEndian.Uint32(length))
}
