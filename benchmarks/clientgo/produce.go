package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// produceSettings are the flags of produce.
type produceSettings struct {
	nameServers, group, topic, tag, shardingKey string
	count, size                                 int
}

func parseProduce(args []string) (produceSettings, error) {
	var s produceSettings
	flags := flag.NewFlagSet("clientgo produce", flag.ContinueOnError)
	flags.StringVar(&s.nameServers, "nameservers", "", "addresses, separated by commas")
	flags.StringVar(&s.group, "group", "clientgo-producer", "the producer group")
	flags.StringVar(&s.topic, "topic", "", "the topic")
	flags.StringVar(&s.tag, "tag", "", "the tag of each message")
	flags.StringVar(&s.shardingKey, "sharding-key", "", "sends all to the queue of the key")
	flags.IntVar(&s.count, "count", 1, "how many messages")
	flags.IntVar(&s.size, "size", 0, "fills bodies up to a number of bytes")
	return s, flags.Parse(args)
}

// sent is a line of output.
type sent struct {
	Status        string `json:"status"`
	MsgID         string `json:"msgId"`
	OffsetMsgID   string `json:"offsetMsgId"`
	Topic         string `json:"topic"`
	BrokerName    string `json:"brokerName"`
	QueueID       int    `json:"queueId"`
	QueueOffset   int64  `json:"queueOffset"`
	TransactionID string `json:"transactionId"`
	RegionID      string `json:"regionId"`
}

// produce sends messages one after the other: the body of number i is go-i, its key
// key-i, its property n is i.
func produce(args []string, out *printer) (err error) {
	s, err := parseProduce(args)
	if err != nil {
		return err
	}
	options := []producer.Option{
		producer.WithNsResolver(primitive.NewPassthroughResolver(strings.Split(s.nameServers, ","))),
		producer.WithGroupName(s.group),
		// The client's 3 s have it fail, or send twice, where the broker stands still.
		producer.WithSendMsgTimeout(patience),
	}
	if s.shardingKey != "" {
		options = append(options, producer.WithQueueSelector(producer.NewHashQueueSelector()))
	}
	p, err := rocketmq.NewProducer(options...)
	if err != nil {
		return fmt.Errorf("clientgo: %w", err)
	}
	if err := p.Start(); err != nil {
		return fmt.Errorf("clientgo: %w", err)
	}
	defer func() { err = errors.Join(err, p.Shutdown()) }()
	for i := range s.count {
		result, err := routed(func() (*primitive.SendResult, error) { return p.SendSync(context.Background(), s.message(i)) })
		if err != nil {
			return fmt.Errorf("clientgo: message %d: %w", i, err)
		}
		line := sent{
			Status: statusName(result.Status), MsgID: result.MsgID, OffsetMsgID: result.OffsetMsgID, Topic: s.topic,
			QueueOffset: result.QueueOffset, TransactionID: result.TransactionID, RegionID: result.RegionID,
		}
		if q := result.MessageQueue; q != nil {
			line.BrokerName, line.QueueID = q.BrokerName, q.QueueId
		}
		if err := out.print(line); err != nil {
			return err
		}
	}
	return nil
}

// patience bounds what a busy machine may take long for.
const patience = 2 * time.Minute

// noRoute reports whether the client has found no route, which it gives six seconds. It has
// sent nothing then.
func noRoute(err error) bool {
	return err != nil && strings.Contains(err.Error(), "route info not found")
}

// routed does something, and again while the client has found no route for it.
func routed[T any](do func() (T, error)) (T, error) {
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		result, err := do()
		if !noRoute(err) || time.Since(begin) > patience {
			return result, err
		}
	}
}

func (s *produceSettings) message(i int) *primitive.Message {
	body := fmt.Appendf(nil, "go-%d", i)
	if more := s.size - len(body); more > 0 {
		body = append(body, bytes.Repeat([]byte("."), more)...)
	}
	m := primitive.NewMessage(s.topic, body).WithKeys([]string{fmt.Sprintf("key-%d", i)})
	m.WithProperty("n", fmt.Sprint(i))
	if s.tag != "" {
		m.WithTag(s.tag)
	}
	if s.shardingKey != "" {
		m.WithShardingKey(s.shardingKey)
	}
	return m
}

// statusName is Java's name of a status, which is what the witness prints.
func statusName(s primitive.SendStatus) string {
	switch s {
	case primitive.SendOK:
		return "SEND_OK"
	case primitive.SendFlushDiskTimeout:
		return "FLUSH_DISK_TIMEOUT"
	case primitive.SendFlushSlaveTimeout:
		return "FLUSH_SLAVE_TIMEOUT"
	case primitive.SendSlaveNotAvailable:
		return "SLAVE_NOT_AVAILABLE"
	}
	return "UNKNOWN"
}
