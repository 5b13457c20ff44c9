package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// addr is the address that most tests call. Nothing resolves it.
const addr = "broker:10911"

// network is a network in memory: each dial makes a pipe, whose other end the
// test gets from Accept and plays itself.
type network struct {
	t     *testing.T
	peers chan *peer

	mu     sync.Mutex
	dialed []string
}

func newNetwork(t *testing.T) *network {
	return &network{t: t, peers: make(chan *peer, 100)}
}

// Dial is a transport.Dialer.
func (n *network) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	n.mu.Lock()
	n.dialed = append(n.dialed, addr)
	n.mu.Unlock()
	n.peers <- newPeer(n.t, theirs)
	return ours, nil
}

// Accept waits for the next connection.
func (n *network) Accept() *peer { return <-n.peers }

// Dialed returns the addresses that were dialed, in order.
func (n *network) Dialed() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.dialed...)
}

// peer is the other end of a connection, played by the test step by step.
type peer struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

func newPeer(t *testing.T, nc net.Conn) *peer {
	return &peer{t: t, nc: nc, in: bufio.NewReader(nc)}
}

// Next waits for the next command.
func (p *peer) Next() request {
	p.t.Helper()
	frame, err := nextFrame(p.in)
	require.NoError(p.t, err)
	cmd, err := headers.ParseFrame(frame)
	require.NoError(p.t, err)
	return request{peer: p, Command: cmd}
}

// Expect waits for the next command, which must be a request with that body.
func (p *peer) Expect(body string) request {
	p.t.Helper()
	r := p.Next()
	require.False(p.t, r.IsResponse())
	require.Equal(p.t, body, string(r.Body))
	return r
}

// ExpectEnd waits for the client to close the connection.
func (p *peer) ExpectEnd() {
	p.t.Helper()
	_, err := p.in.ReadByte()
	require.ErrorIs(p.t, err, io.EOF)
}

// Write reads what the client sends in one write.
func (p *peer) Write() []byte {
	p.t.Helper()
	b := make([]byte, 1<<20)
	n, err := p.nc.Read(b)
	require.NoError(p.t, err)
	return b[:n]
}

// nextBytes reads count bytes past what Expect has read.
func (p *peer) nextBytes(count int) {
	p.t.Helper()
	_, err := io.ReadFull(p.nc, make([]byte, count))
	require.NoError(p.t, err)
}

// Send sends bytes as they are.
func (p *peer) Send(b []byte) {
	p.t.Helper()
	_, err := p.nc.Write(b)
	require.NoError(p.t, err)
}

// Cut closes the connection.
func (p *peer) Cut() { require.NoError(p.t, p.nc.Close()) }

// request is one that the peer has read.
type request struct {
	headers.Command
	peer *peer
}

// Answer answers with success and a body.
func (r request) Answer(body string) {
	r.peer.t.Helper()
	r.peer.Send(answerFrame(r.peer.t, r.Opaque, body))
}

func answerFrame(t *testing.T, opaque int32, body string) []byte {
	t.Helper()
	frame, err := headers.AppendResponse(nil, headers.JSON, opaque, headers.Success, "", nil, []byte(body))
	require.NoError(t, err)
	return frame
}

// requestFrame is a request as a broker sends it.
func requestFrame(t *testing.T, opaque int32, oneway bool) []byte {
	t.Helper()
	frame, err := headers.AppendRequest(nil, headers.JSON, opaque, oneway, headers.Heartbeat{}, nil)
	require.NoError(t, err)
	return frame
}

// nextFrame reads a frame without its length. It is not the code under test.
func nextFrame(in io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(in, frame)
	return frame, err
}

// frameSize is how many bytes a request with that body takes, with an opaque
// number of one digit.
func frameSize(t *testing.T, body string) int {
	t.Helper()
	frame, err := headers.AppendRequest(nil, headers.JSON, 1, false, headers.Heartbeat{}, []byte(body))
	require.NoError(t, err)
	return len(frame)
}

// frames counts the frames in b, which must hold whole ones only.
func frames(t *testing.T, b []byte) (count int) {
	t.Helper()
	for ; len(b) > 0; count++ {
		require.GreaterOrEqual(t, len(b), 4)
		size := 4 + int(binary.BigEndian.Uint32(b))
		require.GreaterOrEqual(t, len(b), size)
		b = b[size:]
	}
	return count
}

// newClient returns a client that is closed with the test.
func newClient(t *testing.T, cfg transport.Config) *transport.Client {
	t.Helper()
	if cfg.Dial == nil {
		cfg.DialTimeout = time.Minute // a real socket, and a machine that may be busy
	}
	c, err := transport.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// result is what a call came to.
type result struct {
	body string
	err  error
}

// pending is a call that runs in a goroutine of its own.
type pending chan result

// invoke starts a call whose request has that body.
func invoke(ctx context.Context, c *transport.Client, addr, body string) pending {
	p := make(pending, 1)
	go func() {
		answer, err := c.Invoke(ctx, addr, headers.Heartbeat{}, []byte(body))
		p <- result{string(answer.Body), err}
	}()
	return p
}

// invokeOneway starts a oneway call.
func invokeOneway(ctx context.Context, c *transport.Client, addr, body string) pending {
	p := make(pending, 1)
	go func() {
		p <- result{err: c.InvokeOneway(ctx, addr, headers.Heartbeat{}, []byte(body))}
	}()
	return p
}

// kinds are the kinds of calls, for tests that hold for both.
var kinds = map[string]func(context.Context, *transport.Client, string, string) pending{
	"two-way": invoke,
	"oneway":  invokeOneway,
}

// Wants waits for the answer.
func (p pending) Wants(t *testing.T, body string) {
	t.Helper()
	r := <-p
	require.NoError(t, r.err)
	require.Equal(t, body, r.body)
}

// Fails waits for the error.
func (p pending) Fails(t *testing.T) *transport.OpError {
	t.Helper()
	r := <-p
	var op *transport.OpError
	require.ErrorAs(t, r.err, &op)
	return op
}

// Waits checks that the call has not returned though nothing is moving.
func (p pending) Waits(t *testing.T) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, p, "the call has returned")
}

// pass lets time go by in a synctest bubble, and all that follows from it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// timeout is a context that ends after d; the test need not cancel it.
func timeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
