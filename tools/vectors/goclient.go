package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
)

// goClient is rocketmq-client-go with a name server that knows one route. The
// selector it is given wraps that of the client and notes what this picks. Then
// it lets the send fail, since there is no broker.
type goClient struct {
	listener net.Listener
	hash     producer.QueueSelector

	mu    sync.Mutex // guards what follows
	route string
	made  *primitive.MessageQueue

	producer rocketmq.Producer // of the route
	count    int
}

func startGoClient() (*goClient, error) {
	rlog.SetLogLevel("fatal")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &goClient{listener: listener, hash: producer.NewHashQueueSelector()}
	go c.serve()
	return c, nil
}

func (c *goClient) stop() {
	if c.producer != nil {
		_ = c.producer.Shutdown()
	}
	_ = c.listener.Close()
}

func (c *goClient) version() string {
	const module = "github.com/apache/rocketmq-client-go/v2"
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Path + " " + m.Version
		}
	}
	return module
}

// use starts a new producer: one keeps its route for half a minute.
func (c *goClient) use(route string) error {
	if c.producer != nil {
		if err := c.producer.Shutdown(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.route = route
	c.mu.Unlock()
	c.count++
	name := fmt.Sprintf("vectors-%d", c.count)
	p, err := rocketmq.NewProducer(
		producer.WithNameServer([]string{c.listener.Addr().String()}),
		producer.WithGroupName(name), producer.WithInstanceName(name),
		producer.WithQueueSelector(c), producer.WithRetry(0))
	if err != nil {
		return err
	}
	c.producer = p
	return p.Start()
}

// Select is what the producer calls.
func (c *goClient) Select(msg *primitive.Message, queues []*primitive.MessageQueue, lastBroker string) *primitive.MessageQueue {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = c.hash.Select(msg, queues, lastBroker)
	return nil
}

func (c *goClient) pick(key string) (string, int, error) {
	c.mu.Lock()
	c.made = nil
	c.mu.Unlock()
	msg := primitive.NewMessage("vectors", []byte("x"))
	msg.WithShardingKey(key)
	_, sent := c.producer.SendSync(context.Background(), msg)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		return "", 0, fmt.Errorf("the selector was not asked: %w", sent)
	}
	return c.made.BrokerName, c.made.QueueId, nil
}

// serve is a name server that answers everything with the route.
func (c *goClient) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for c.answer(conn) == nil {
			}
		}()
	}
}

// answer answers one request: a frame is its length, the length of its header,
// the header in JSON, and the body.
func (c *goClient) answer(conn net.Conn) error {
	var lengths [2]uint32
	if err := binary.Read(conn, binary.BigEndian, &lengths); err != nil {
		return err
	}
	rest := make([]byte, lengths[0]-4)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return err
	}
	var request struct {
		Opaque int32 `json:"opaque"`
		Flag   int32 `json:"flag"`
	}
	if err := json.Unmarshal(rest[:lengths[1]&0xFFFFFF], &request); err != nil {
		return err
	}
	header := fmt.Sprintf(`{"code":0,"flag":1,"language":"JAVA","opaque":%d,"version":0}`, request.Opaque)
	c.mu.Lock()
	body := c.route
	c.mu.Unlock()
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)+len(body)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	frame = append(append(frame, header...), body...)
	_, err := conn.Write(frame)
	return err
}
