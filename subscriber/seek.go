package subscriber

import "context"

// Seek moves the group to another place in all queues of a topic: back, to consume messages
// again, or on, to pass them over. Messages that are with handlers, and those that are to be
// delivered again, come as if nothing had happened. With Pull no other member may be up, or
// else the error says so. What the error says may be true of some queues only: Seek again.
// It is a *SubscribeError.
func (s *Subscriber) Seek(ctx context.Context, topic string, to From) error {
	if !s.enter() {
		return subscribeError(topic, ErrClosed)
	}
	defer s.leave()
	ctx, done := s.whileOpen(ctx)
	defer done()
	if err := s.seek(ctx, topic, to); err != nil {
		if closed := context.Cause(s.life); closed != nil {
			err = closed
		}
		return subscribeError(topic, err)
	}
	return nil
}

func (s *Subscriber) seek(ctx context.Context, topic string, to From) error {
	if s.cfg.Group == "" {
		return ErrNoGroup
	}
	what, err := s.topic(topic)
	if err != nil {
		return err
	}
	if err := s.ensureTopic(ctx, what.Name); err != nil {
		return err
	}
	e, err := s.chosen(ctx)
	if err != nil {
		return err
	}
	return e.Seek(ctx, what, to.position())
}
