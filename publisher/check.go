package publisher

import (
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/preflight"
)

// Check looks at all that publishing depends on, and reports it: name servers,
// the topics' routes, and their brokers. Topics are those that Publish takes,
// mapped by Config.Topics. Without topics, and for a topic that does not exist, it
// looks at all brokers of the cluster. Call it before the first message, or when
// messages fail:
//
//	report, err := pub.Check(ctx, "orders")
//	if err != nil {
//		return err
//	}
//	fmt.Println(report)
//	return report.Err() // what keeps messages from being published
//
// Nothing is stored by a check, neither messages nor topics nor consumer groups.
// Brokers get the heartbeat that they get from a publisher anyhow, which they keep
// in memory as long as the connection lasts. What is read is what clients and
// admin tools may ask for (GET_BROKER_CLUSTER_INFO, GET_ROUTEINFO_BY_TOPIC,
// HEART_BEAT, GET_BROKER_CONFIG, GET_BROKER_RUNTIME_INFO); a broker that does not
// answer such a question makes its items check.Unknown. With Cluster.TLS each
// server is also asked once in plain text, without credentials.
//
// Each question takes 3 s at most, and 32 servers are asked side by side. When ctx
// ends, what is left is check.Unknown; the report is always there. The error is
// ErrClosed, or nil. Whether the user may publish to a topic is known only when a
// message is sent, and whether it may create one only when it does.
func (p *Publisher) Check(ctx context.Context, topics ...string) (check.Report, error) {
	if !p.enter() {
		return check.Report{}, ErrClosed
	}
	defer p.leave()
	cfg := preflight.Config{
		Client:         p.client,
		Routes:         p.routes,
		Cluster:        p.cfg.Cluster,
		Topic:          p.topicName,
		SendAddr:       p.session.SendAddr,
		Group:          p.cfg.ProducerGroup,
		Heartbeat:      p.introduce,
		MaxMessageSize: p.cfg.MaxMessageSize,
		DefaultTopic:   p.cfg.AutoCreate.DefaultTopic,
		CreateTopics:   p.cfg.CreateTopics,
		Closed:         p.cut,
		ErrClosed:      ErrClosed,
	}
	if p.cfg.Trace.Enabled {
		cfg.TraceTopic = p.cfg.Trace.Topic
	}
	report, err := preflight.Run(ctx, cfg, topics)
	if err != nil {
		return check.Report{}, fmt.Errorf("publisher: %w", err)
	}
	return report, nil
}

// introduce sends a heartbeat of the producer group to a broker. It names none of the
// consumer groups that the Client may have beside it: what it would say of those might
// overtake what the session says.
func (p *Publisher) introduce(ctx context.Context, addr string) error {
	beat := headers.HeartbeatData{ClientID: p.session.ID(), Producers: []headers.ProducerData{{Group: p.cfg.ProducerGroup}}}
	body, err := beat.Encode()
	if err != nil {
		return err
	}
	_, err = headers.Successful(p.client.Invoke(ctx, addr, headers.Heartbeat{}, body))
	return err
}

// topicName returns RocketMQ's name of a topic.
func (p *Publisher) topicName(topic string) (string, error) {
	mapped, err := p.mapTopic(topic)
	return mapped.Name, err
}
