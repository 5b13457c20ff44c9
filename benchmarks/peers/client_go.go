package peers

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// uuidProperty is where this project's marshaler puts the UUID; every peer does
// the same, so that all store the same properties.
const uuidProperty = "_watermill_message_uuid"

// clientGo is rocketmq-client-go: SendSync, with more than one message its batch
// call.
type clientGo struct{ producer clientGoProducer }

func openClientGo(nameServer string) (Peer, error) {
	p, err := startClientGo(nameServer)
	if err != nil {
		return nil, err
	}
	return &clientGo{p}, nil
}

// clientGoProducer is a producer of rocketmq-client-go, and the topics that it has
// sent to.
type clientGoProducer struct {
	rocketmq.Producer
	topics map[string]bool
}

// run runs the load on a topic that the producer knows. Of several callers that are
// the first to send to a topic, some fail with "route info not found": the queues can
// be had a moment before the addresses of their brokers can (UpdateTopicRouteInfo of
// 2173d07). So the first message to a topic is sent alone. It is acknowledged, but not
// measured.
func (p *clientGoProducer) run(task load.Task, do func() (load.Sample, error)) (load.Sample, error) {
	first := int64(0)
	if !p.topics[task.Topic] {
		if err := sendSync(p, newClientGoMessage(task.Topic, watermill.NewUUID(), []byte("first"))); err != nil {
			return load.Sample{}, fmt.Errorf("peers: rocketmq-client-go: the first message: %w", err)
		}
		p.topics[task.Topic] = true
		first = 1
	}
	s, err := do()
	s.Acknowledged += first
	return s, err
}

// startClientGo starts a producer with the defaults of rocketmq-client-go, but for how long it
// waits.
func startClientGo(nameServer string) (clientGoProducer, error) {
	rlog.SetLogLevel("error")
	p, err := rocketmq.NewProducer(
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{nameServer})),
		producer.WithGroupName("client_go_bench"),
		producer.WithSendMsgTimeout(patience),
	)
	if err != nil {
		return clientGoProducer{}, fmt.Errorf("peers: rocketmq-client-go: %w", err)
	}
	if err := p.Start(); err != nil {
		return clientGoProducer{}, fmt.Errorf("peers: rocketmq-client-go: %w", err)
	}
	return clientGoProducer{p, map[string]bool{}}, nil
}

func (c *clientGo) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	return c.producer.run(task, func() (load.Sample, error) {
		return runCallers(ctx, task, c.caller)
	})
}

func (c *clientGo) caller(task load.Task, body []byte) load.Send {
	uuids := make([]string, task.PerCall)
	for i := range uuids {
		uuids[i] = watermill.NewUUID()
	}
	return func() (int, error) {
		messages := make([]*primitive.Message, len(uuids))
		for i, uuid := range uuids {
			messages[i] = newClientGoMessage(task.Topic, uuid, body)
		}
		if err := sendSync(c.producer, messages...); err != nil {
			return 0, err
		}
		return len(messages), nil
	}
}

func (c *clientGo) Close() error { return c.producer.Shutdown() }

// newClientGoMessage makes a message. It cannot be sent twice: the client writes into
// it.
func newClientGoMessage(topic, uuid string, body []byte) *primitive.Message {
	m := primitive.NewMessage(topic, body)
	m.WithProperty(uuidProperty, uuid)
	m.WithKeys([]string{uuid})
	return m
}

// sendSync fails unless the answer is SEND_OK.
func sendSync(p rocketmq.Producer, messages ...*primitive.Message) error {
	return storedOK(p.SendSync(context.Background(), messages...))
}

// storedOK makes an error of every answer that is not SEND_OK.
func storedOK(result *primitive.SendResult, err error) error {
	if err != nil {
		return err
	}
	if result.Status != primitive.SendOK {
		return fmt.Errorf("peers: rocketmq-client-go: send status %d", result.Status)
	}
	return nil
}
