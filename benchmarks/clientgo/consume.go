package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// consumeSettings are the flags of consume.
type consumeSettings struct {
	nameServers, group, topic    string
	tags, sql                    string
	goroutines, failEvery        int
	delayLevel, maxReconsume     int
	orderly, broadcast, fromLast bool
}

func parseConsume(args []string) (consumeSettings, error) {
	var s consumeSettings
	flags := flag.NewFlagSet("clientgo consume", flag.ContinueOnError)
	flags.StringVar(&s.nameServers, "nameservers", "", "addresses, separated by commas")
	flags.StringVar(&s.group, "group", "", "the consumer group")
	flags.StringVar(&s.topic, "topic", "", "the topic")
	flags.StringVar(&s.tags, "tags", "*", "the tags, such as a || b")
	flags.StringVar(&s.sql, "sql", "", "a SQL92 expression in place of tags")
	flags.IntVar(&s.goroutines, "goroutines", 0, "how many take messages, 0 for the client's default")
	flags.IntVar(&s.failEvery, "fail-every", 0, "each n-th delivery fails")
	flags.IntVar(&s.delayLevel, "delay-level", 0, "of the next delivery of what failed")
	flags.IntVar(&s.maxReconsume, "max-reconsume-times", 0, "deliveries after the first, 0 for the client's default")
	flags.BoolVar(&s.orderly, "orderly", false, "one message of a queue after the other")
	flags.BoolVar(&s.broadcast, "broadcast", false, "everything to every member")
	flags.BoolVar(&s.fromLast, "from-last", false, "a new group starts at the end")
	return s, flags.Parse(args)
}

// delivery is a line of output.
type delivery struct {
	Topic          string            `json:"topic"`
	BrokerName     string            `json:"brokerName"`
	QueueID        int               `json:"queueId"`
	QueueOffset    int64             `json:"queueOffset"`
	CommitLog      int64             `json:"commitLogOffset"`
	MsgID          string            `json:"msgId"`
	OffsetMsgID    string            `json:"offsetMsgId"`
	Keys           string            `json:"keys"`
	Tags           string            `json:"tags"`
	Flag           int32             `json:"flag"`
	SysFlag        int32             `json:"sysFlag"`
	BornTimestamp  int64             `json:"bornTimestamp"`
	StoreTimestamp int64             `json:"storeTimestamp"`
	StoreSize      int32             `json:"storeSize"`
	ReconsumeTimes int32             `json:"reconsumeTimes"`
	Body           []byte            `json:"body"`
	Properties     map[string]string `json:"properties"`
	ReceivedAt     int64             `json:"receivedAt"` // Unix milliseconds
	Failed         bool              `json:"failed"`
}

// consume prints deliveries until in ends, and then leaves the group. The first line is
// an empty object: the consumer has started.
func consume(args []string, in io.Reader, out *printer) error {
	s, err := parseConsume(args)
	if err != nil {
		return err
	}
	c, err := routed(func() (rocketmq.PushConsumer, error) { return start(s, out) })
	if err != nil {
		return fmt.Errorf("clientgo: %w", err)
	}
	if err := out.print(struct{}{}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	return c.Shutdown()
}

// start starts a consumer. The client shuts one down that finds no route.
func start(s consumeSettings, out *printer) (rocketmq.PushConsumer, error) {
	options := []consumer.Option{
		consumer.WithNsResolver(primitive.NewPassthroughResolver(strings.Split(s.nameServers, ","))),
		consumer.WithGroupName(s.group),
		consumer.WithConsumerOrder(s.orderly),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}
	if s.fromLast {
		options = append(options, consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset))
	}
	if s.broadcast {
		options = append(options, consumer.WithConsumerModel(consumer.BroadCasting))
	}
	if s.goroutines > 0 {
		options = append(options, consumer.WithConsumeGoroutineNums(s.goroutines))
	}
	if s.maxReconsume > 0 {
		options = append(options, consumer.WithMaxReconsumeTimes(int32(s.maxReconsume)))
	}
	c, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return nil, err
	}
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: s.tags}
	if s.sql != "" {
		selector = consumer.MessageSelector{Type: consumer.SQL92, Expression: s.sql}
	}
	if err := c.Subscribe(s.topic, selector, handler(s, out)); err != nil {
		return nil, err
	}
	return c, c.Start()
}

// handler prints what it is given. By default that is one message at a time.
func handler(s consumeSettings, out *printer) func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	var deliveries atomic.Int64
	return func(ctx context.Context, batch ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		failed := s.failEvery > 0 && deliveries.Add(1)%int64(s.failEvery) == 0
		for _, m := range batch {
			if err := out.print(describe(m, failed)); err != nil {
				return consumer.ConsumeRetryLater, err
			}
		}
		switch {
		case !failed:
			return consumer.ConsumeSuccess, nil
		case s.orderly:
			return consumer.SuspendCurrentQueueAMoment, nil
		}
		if concurrently, ok := primitive.GetConcurrentlyCtx(ctx); ok {
			concurrently.DelayLevelWhenNextConsume = s.delayLevel
		}
		return consumer.ConsumeRetryLater, nil
	}
}

func describe(m *primitive.MessageExt, failed bool) delivery {
	d := delivery{
		Topic: m.Topic, QueueOffset: m.QueueOffset, CommitLog: m.CommitLogOffset,
		MsgID: m.MsgId, OffsetMsgID: m.OffsetMsgId, Keys: m.GetKeys(), Tags: m.GetTags(),
		Flag: m.Flag, SysFlag: m.SysFlag, BornTimestamp: m.BornTimestamp, StoreTimestamp: m.StoreTimestamp, StoreSize: m.StoreSize,
		ReconsumeTimes: m.ReconsumeTimes, Body: m.Body, Properties: m.GetProperties(),
		ReceivedAt: time.Now().UnixMilli(), Failed: failed,
	}
	if m.Queue != nil {
		d.BrokerName, d.QueueID = m.Queue.BrokerName, m.Queue.QueueId
	}
	return d
}
