package subscriber

import (
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/preflight"
)

// Check looks at all that consuming depends on, and reports it: name servers, the topics'
// routes, their brokers, and the consumer group. Topics are those that Subscribe takes. Call
// it before the first Subscribe, or when messages do not come:
//
//	report, err := sub.Check(ctx, "orders")
//	if err != nil {
//		return err
//	}
//	fmt.Println(report)
//	return report.Err() // what keeps messages from being consumed
//
// It consumes nothing, and stores nothing: neither topics nor groups nor offsets. Each
// question takes 3 s at most. When ctx ends, what is left is check.Unknown; the report is
// always there. The error is ErrClosed, or nil.
func (s *Subscriber) Check(ctx context.Context, topics ...string) (check.Report, error) {
	if !s.enter() {
		return check.Report{}, ErrClosed
	}
	defer s.leave()
	report, err := preflight.Run(ctx, preflight.Config{
		Use:     preflight.Subscribing,
		Client:  s.member.Client(),
		Routes:  s.routes,
		Cluster: s.cfg.Cluster,
		Topic: func(topic string) (string, error) {
			mapped, err := s.names.Map(topic)
			return mapped.Name, err
		},
		SendAddr:     func(addr string) string { return addr },
		Group:        s.names.Group(s.cfg.Group),
		Heartbeat:    s.member.Heartbeat,
		CreateTopics: s.cfg.CreateTopics,
		Closed:       s.life.Done(),
		ErrClosed:    ErrClosed,
	}, topics)
	if err != nil {
		return check.Report{}, fmt.Errorf("subscriber: %w", err)
	}
	return report, nil
}
