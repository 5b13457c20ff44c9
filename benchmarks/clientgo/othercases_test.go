package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

func (s *scene) admin() (admin.Admin, error) {
	a, err := admin.NewAdmin(admin.WithResolver(s.resolver()))
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = a.Close() })
	return a, nil
}

func (s *scene) awaitRoute(topic string) error {
	a, err := s.admin()
	if err != nil {
		return err
	}
	return s.await("the route of "+topic, func() bool {
		found, err := a.FetchPublishMessageQueues(context.Background(), topic)
		return err == nil && len(found) > 0
	})
}

// replier replies to requests. Until the broker knows who has made one, which nobody makes
// sure of, replies are refused: it sends them again.
func (s *scene) replier() error {
	p, err := s.producer()
	if err != nil {
		return err
	}
	_, _, err = s.push(handling{succeeds: func(m *primitive.MessageExt, _ int) bool {
		reply, err := consumer.CreateReplyMessage(m, nil)
		if err != nil {
			return false
		}
		reply.Body = fmt.Append(nil, "reply to ", string(m.Body)) // it takes the body for properties
		return s.await("a reply that the broker takes", func() bool {
			r, err := p.SendSync(context.Background(), reply)
			return err == nil && r.Status == primitive.SendOK
		}) == nil
	}})
	return err
}

// requestPatience is shorter than scenePatience, and long enough for a replier that gets its
// queue at the fifth attempt.
const requestPatience = 110 * time.Second

func request(s *scene) error {
	if err := s.createTopic(s.topic, 1); err != nil {
		return err
	}
	if err := s.replier(); err != nil {
		return err
	}
	p, err := s.producer()
	if err != nil {
		return err
	}
	var reply *primitive.Message
	err = s.routed(func() error {
		var err error
		reply, err = p.Request(context.Background(), requestPatience, s.message("request"))
		return err
	})
	if err != nil {
		return err
	}
	s.see("reply: %s", messageText(reply))
	called := make(chan struct{})
	var once sync.Once // it is called twice
	err = p.RequestAsync(context.Background(), requestPatience, func(_ context.Context, reply *primitive.Message, err error) {
		once.Do(func() {
			if err == nil {
				s.see("called back with: %s", messageText(reply))
			}
			close(called)
		})
	}, s.message("async-request"))
	if err != nil {
		return err
	}
	select {
	case <-called:
	case <-time.After(scenePatience):
		return fmt.Errorf("not called back; saw %q", s.lines())
	}
	return s.seeStored(s.topic, 2)
}

// pull has a pull consumer read where it is told to, commit, and say where it is.
func pull(s *scene) error {
	if err := s.createTopic(s.topic, 1); err != nil {
		return err
	}
	if err := s.send(0, bodies(0, 5)...); err != nil {
		return err
	}
	c, err := s.puller(s.group, s.instance(), func(c rocketmq.PullConsumer) error { return c.Assign(s.topic, nil) })
	if err != nil {
		return err
	}
	err = s.try("all messages", func() error {
		r, err := s.pullHeard(c, 0, 32)
		if err == nil && r.MaxOffset != 5 {
			err = errNotYet
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, at := range []struct {
		offset  int64
		numbers int
	}{{0, 32}, {2, 2}, {9, 32}} {
		r, err := c.PullFrom(context.Background(), s.queue(0), at.offset, at.numbers)
		if err != nil {
			s.see("pulled from %d: %s", at.offset, failure(err))
			continue
		}
		var found []string
		for _, m := range r.GetMessageExts() {
			found = append(found, string(m.Body))
		}
		s.see("pulled from %d: status %d from %d to %d next %d %q", at.offset, r.Status, r.MinOffset, r.MaxOffset, r.NextBeginOffset, found)
	}
	for _, at := range []struct {
		name string
		time time.Time
	}{{"after", time.Now().Add(time.Hour)}, {"before", time.Now().Add(-time.Hour)}} {
		var offset int64
		err := s.try("the offset of a time", func() error {
			var err error
			offset, err = c.OffsetForTimestamp(s.queue(0), at.time.UnixMilli())
			return err
		})
		if err != nil {
			return err
		}
		s.see("%s all: %d", at.name, offset)
	}
	return nil
}

// puller starts a pull consumer, once it is told what to pull.
func (s *scene) puller(group, instance string, tell func(rocketmq.PullConsumer) error) (rocketmq.PullConsumer, error) {
	var c rocketmq.PullConsumer
	err := s.try("a pull consumer", func() error {
		var err error
		c, err = rocketmq.NewPullConsumer(consumer.WithNsResolver(s.resolver()), consumer.WithGroupName(group), consumer.WithInstance(instance),
			consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
		if err != nil {
			return err
		}
		if err := tell(c); err != nil {
			return err
		}
		return c.Start() // as in push
	})
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = c.Shutdown() })
	return c, nil
}

// pullHeard pulls after a heartbeat that the broker has answered: the client does not pull
// before. It says one at its start, waits for the answer for 3 s, and says the next 30 s later.
func (s *scene) pullHeard(c rocketmq.PullConsumer, offset int64, numbers int) (*primitive.PullResult, error) {
	r, err := c.PullFrom(context.Background(), s.queue(0), offset, numbers)
	if err != nil {
		_ = c.Start() // says another heartbeat
	}
	return r, err
}

// makeKnown returns when the broker knows the clients of an instance, which share a heartbeat.
// Producers say their first one a second after their start, to the brokers of the topics that
// they have sent to by then, and the next 30 s later.
func (s *scene) makeKnown(instance string) error {
	c, err := s.puller(s.group+"-known", instance, func(c rocketmq.PullConsumer) error { return c.Assign(s.topic, nil) })
	if err != nil {
		return err
	}
	return s.try("a heartbeat", func() error {
		_, err := s.pullHeard(c, 1, 1) // what is after the end is answered at once
		return err
	})
}

// poll has a pull consumer subscribe, poll, fail a message and acknowledge another.
func poll(s *scene) error {
	if err := s.createTopics(); err != nil {
		return err
	}
	c, err := s.puller(s.group, s.instance(), func(c rocketmq.PullConsumer) error {
		return c.Subscribe(s.topic, consumer.MessageSelector{Type: consumer.TAG, Expression: "*"})
	})
	if err != nil {
		return err
	}
	var found []string
	for _, round := range []struct {
		body   string
		result consumer.ConsumeResult
	}{{"fails", consumer.ConsumeRetryLater}, {"succeeds", consumer.ConsumeSuccess}} {
		if err := s.send(0, round.body); err != nil {
			return err
		}
		err = s.await(round.body, func() bool {
			got, err := c.Poll(context.Background(), time.Second)
			if err != nil {
				return false
			}
			result, polled := consumer.ConsumeSuccess, false
			for _, m := range got.GetMsgList() {
				if m.ReconsumeTimes > 0 { // what has failed comes again after ten seconds
					continue
				}
				found = append(found, textOf(m))
				if string(m.Body) == round.body {
					result, polled = round.result, true
				}
			}
			c.ACK(context.Background(), got, result)
			return polled
		})
		if err != nil {
			return err
		}
	}
	s.see("polled: %q", found)
	if err := c.PersistOffset(context.Background(), s.topic); err != nil {
		return err
	}
	offset, err := c.CurrentOffset(s.queue(0))
	s.see("offset: %d %s", offset, failure(err))
	return nil
}

func topicAdmin(s *scene) error {
	a, err := s.admin()
	if err != nil {
		return err
	}
	if err := s.createTopic(s.topic, 3); err != nil {
		return err
	}
	err = s.try("the queues", func() error {
		queues, err := a.FetchPublishMessageQueues(context.Background(), s.topic)
		if err == nil {
			s.see("queues: %d", len(queues))
		}
		return err
	})
	if err != nil {
		return err
	}
	seeListed := func() error {
		return s.try("the list of topics", func() error {
			list, err := a.FetchAllTopicList(context.Background())
			if err == nil {
				s.see("listed: %t", slices.Contains(list.TopicList, s.topic))
			}
			return err
		})
	}
	if err := seeListed(); err != nil {
		return err
	}
	err = s.try("the end of the topic", func() error { // the client tells of no refusal, only that it waited in vain
		return a.DeleteTopic(context.Background(), admin.WithTopicDelete(s.topic), admin.WithBrokerAddrDelete(s.broker))
	})
	if err != nil {
		return err
	}
	if err := seeListed(); err != nil {
		return err
	}
	_, err = a.FetchPublishMessageQueues(context.Background(), s.topic)
	s.see("has a route: %t", err == nil)
	return nil
}
