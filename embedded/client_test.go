package embedded_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// patience bounds what a test waits for on the real clock.
const patience = 3 * time.Minute

// patientPublisher is for tests on the real clock: a publisher that a busy machine does not
// have send anything twice, or to another broker.
func patientPublisher(cluster rocketmq.Cluster) publisher.Config {
	return publisher.Config{
		Cluster: cluster, SendTimeout: patience, AttemptTimeout: patience, CloseTimeout: patience,
		Avoidance: publisher.AvoidanceConfig{Disabled: true},
	}
}

// start starts a cluster and closes it with the test.
func start(t testing.TB, opts ...embedded.Option) *embedded.Cluster {
	t.Helper()
	c, err := embedded.Start(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// onBothNetworks runs a test in memory and over TCP.
func onBothNetworks(t *testing.T, test func(t *testing.T, network embedded.Option)) {
	t.Run("memory", func(t *testing.T) { test(t, embedded.InMemory()) })
	t.Run("TCP", func(t *testing.T) { test(t, embedded.WithBrokers(1)) })
}

// client speaks raw frames. It is for one goroutine.
type client struct {
	t      testing.TB
	conn   net.Conn
	in     *bufio.Reader
	opaque int32
	// version is written into requests where it is not 0.
	serialization headers.Serialization
}

func dial(t testing.TB, c *embedded.Cluster, addr string) *client {
	t.Helper()
	nc, err := c.Dial(context.Background(), "tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	return newClient(t, nc)
}

func newClient(t testing.TB, nc net.Conn) *client {
	return &client{t: t, conn: nc, in: bufio.NewReader(nc)}
}

// send writes a request and returns its opaque.
func (c *client) send(r headers.Request, body []byte) int32 { return c.write(r, body, false) }

func (c *client) oneway(r headers.Request, body []byte) int32 { return c.write(r, body, true) }

func (c *client) write(r headers.Request, body []byte, oneway bool) int32 {
	c.t.Helper()
	c.opaque++
	frame, err := headers.AppendRequest(nil, c.serialization, c.opaque, oneway, r, body)
	require.NoError(c.t, err)
	c.writeBytes(frame)
	return c.opaque
}

func (c *client) writeBytes(raw []byte) {
	c.t.Helper()
	_, err := c.conn.Write(raw)
	require.NoError(c.t, err)
}

// receive reads the next frame. It owns its memory.
func (c *client) receive() headers.Command {
	c.t.Helper()
	cmd, err := c.tryReceive()
	require.NoError(c.t, err)
	return cmd
}

func (c *client) tryReceive() (headers.Command, error) {
	var length [headers.FrameLengthSize]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		return headers.Command{}, err
	}
	size, err := headers.FrameSize(length, headers.MaxFrameSize)
	if err != nil {
		return headers.Command{}, err
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(c.in, frame); err != nil {
		return headers.Command{}, err
	}
	return headers.ParseFrame(frame)
}

// call sends a request and reads its answer, which must be the next frame.
func (c *client) call(r headers.Request, body []byte) headers.Command {
	c.t.Helper()
	opaque := c.send(r, body)
	answer := c.receive()
	require.True(c.t, answer.IsResponse())
	require.Equal(c.t, opaque, answer.Opaque)
	return answer
}

// succeed is call for a request that must be answered with success.
func (c *client) succeed(r headers.Request, body []byte) headers.Command {
	c.t.Helper()
	answer := c.call(r, body)
	require.NoError(c.t, answer.Err())
	return answer
}

// closed requires that the server closes the connection without a further word.
func (c *client) closed() {
	c.t.Helper()
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(patience)))
	_, err := c.in.ReadByte()
	require.Error(c.t, err)
	require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
}

// silent requires that nothing more comes: the next frame answers a request that
// is sent now.
func (c *client) silent() {
	c.t.Helper()
	c.call(plain{headers.CodeMaxOffset, headers.FieldList{{Name: "topic", Value: "none"}, {Name: "queueId", Value: "0"}}}, nil)
}

// plain is a request with any code and fields.
type plain struct {
	code headers.RequestCode
	headers.FieldList
}

func (p plain) RequestCode() headers.RequestCode { return p.code }

// message is a send request with the values Java has where a test has none.
func message(topic string, change ...func(h *headers.SendMessage)) *headers.SendMessage {
	h := &headers.SendMessage{
		ProducerGroup: "group", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueues: 4,
		BornTimestamp: 1_700_000_000_000,
		Properties:    headers.AppendProperty(nil, headers.PropertyUniqueKey, "ID1"),
	}
	for _, f := range change {
		f(h)
	}
	return h
}

// with replaces the properties of a message by name, value, name, value...
func with(pairs ...string) func(h *headers.SendMessage) {
	return func(h *headers.SendMessage) {
		h.Properties = nil
		for i := 0; i < len(pairs); i += 2 {
			h.Properties = headers.AppendProperty(h.Properties, pairs[i], pairs[i+1])
		}
	}
}

func toQueue(id int32) func(h *headers.SendMessage) {
	return func(h *headers.SendMessage) { h.QueueID = id }
}

// fields are the ext fields of a command as a map.
func fields(c headers.Command) map[string]string {
	m := make(map[string]string)
	for name, value := range c.Fields.All() {
		m[string(name)] = string(value)
	}
	return m
}

// golden reads a captured frame, its length included.
func golden(t testing.TB, number string) []byte {
	t.Helper()
	names, err := filepath.Glob("testdata/" + number + "_*.hex")
	require.NoError(t, err)
	require.Len(t, names, 1)
	text, err := os.ReadFile(names[0])
	require.NoError(t, err)
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return raw
}

func goldenCommand(t testing.TB, number string) headers.Command {
	t.Helper()
	c, err := headers.ParseFrame(golden(t, number)[headers.FrameLengthSize:])
	require.NoError(t, err)
	return c
}
