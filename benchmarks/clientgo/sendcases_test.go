package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// seeResult notes the result of a send, but for ids.
func (s *scene) seeResult(r *primitive.SendResult) {
	s.see("sent: %s offset %d region %s traced %t id %d offset id %d transaction id %d", statusName(r.Status),
		r.QueueOffset, r.RegionID, r.TraceOn, len(r.MsgID), len(r.OffsetMsgID), len(r.TransactionID))
}

// seeRefusal sends what brokers refuse, again if no broker says so.
func (s *scene) seeRefusal(p rocketmq.Producer, m *primitive.Message) {
	var last error
	_ = s.try("a refusal", func() error {
		_, last = s.sendSync(p, m)
		if failure(last) == "no code" {
			return last
		}
		return nil
	})
	s.see("refused: %s", failure(last))
}

func sendSync(s *scene) error {
	p, err := s.producerTo(4)
	if err != nil {
		return err
	}
	for i := range 3 {
		r, err := s.sendSync(p, s.message(fmt.Sprint("sync-", i)))
		if err != nil {
			return err
		}
		s.seeResult(r)
	}
	return s.seeStored(s.topic, 3)
}

func sendAsync(s *scene) error {
	p, err := s.producerTo(4)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for i := range 3 {
		all.Add(1)
		err := s.routed(func() error {
			return p.SendAsync(context.Background(), func(_ context.Context, r *primitive.SendResult, err error) {
				defer all.Done()
				if err != nil {
					s.see("failed: %s", failure(err))
					return
				}
				s.see("sent: %s", statusName(r.Status))
			}, s.message(fmt.Sprint("async-", i)))
		})
		if err != nil {
			return err
		}
	}
	all.Wait()
	return s.seeStored(s.topic, 3)
}

func sendOneway(s *scene) error {
	p, err := s.producerTo(4)
	if err != nil {
		return err
	}
	for i := range 3 {
		err := s.routed(func() error {
			return p.SendOneWay(context.Background(), s.message(fmt.Sprint("oneway-", i)))
		})
		if err != nil {
			return err
		}
	}
	return s.seeStored(s.topic, 3)
}

func sendBatch(s *scene) error {
	p, err := s.producerTo(1)
	if err != nil {
		return err
	}
	r, err := s.sendSync(p, s.message("batch-0"), s.message("batch-1"), s.message("batch-2"))
	if err != nil {
		return err
	}
	s.seeResult(r)
	return s.seeStored(s.topic, 3)
}

func sendToQueue(s *scene) error {
	p, err := s.producerTo(4, producer.WithQueueSelector(producer.NewManualQueueSelector()))
	if err != nil {
		return err
	}
	to := func(queue int) *primitive.Message {
		m := s.message(fmt.Sprint("to-", queue))
		m.Queue = s.queue(queue)
		return m
	}
	for _, queue := range []int{2, 2, 3} {
		r, err := s.sendSync(p, to(queue))
		if err != nil {
			return err
		}
		s.see("queue: %d", r.MessageQueue.QueueId)
		s.seeResult(r)
	}
	s.seeRefusal(p, to(9))
	return s.seeStored(s.topic, 3)
}

func sendByHash(s *scene) error {
	p, err := s.producerTo(4, producer.WithQueueSelector(producer.NewHashQueueSelector()))
	if err != nil {
		return err
	}
	for i := range 8 {
		r, err := s.sendSync(p, s.message(fmt.Sprint("hash-", i)).WithShardingKey(fmt.Sprint("order-", i%5)))
		if err != nil {
			return err
		}
		s.see("queue: %d", r.MessageQueue.QueueId)
	}
	return s.seeStored(s.topic, 8)
}

func sendByLevel(s *scene) error {
	p, err := s.producerTo(1)
	if err != nil {
		return err
	}
	for level := 1; level <= 2; level++ {
		m := s.message(fmt.Sprint("level-", level)).WithDelayTimeLevel(level)
		if _, err := s.sendSync(p, m); err != nil {
			return err
		}
	}
	got, _, err := s.push(handling{})
	if err != nil {
		return err
	}
	if err := s.await("both", func() bool { return got.size() >= 2 }); err != nil {
		return err
	}
	least := map[string]int64{"level-1": 1000, "level-2": 5000}
	for _, d := range got.sorted() { // they are handled at once if they come late in one answer
		s.see("late: %t", d.StoreTimestamp-d.BornTimestamp >= least[string(d.Body)])
		s.see("delivered: %s", d.text)
	}
	return nil
}

func sendCompressed(s *scene) error {
	p, err := s.producerTo(1, producer.WithCompressMsgBodyOverHowmuch(100))
	if err != nil {
		return err
	}
	if _, err := s.sendSync(p, s.message(strings.Repeat("long ", 100))); err != nil {
		return err
	}
	return s.seeStored(s.topic, 1)
}

func sendRefused(s *scene) error {
	p, err := s.producerTo(1, producer.WithCompressMsgBodyOverHowmuch(16<<20), producer.WithRetry(0))
	if err != nil {
		return err
	}
	for _, m := range []*primitive.Message{
		primitive.NewMessage(s.topic, make([]byte, 5<<20)),
		s.message("properties").WithTag(strings.Repeat("long", 10_000)),
		primitive.NewMessage("SCHEDULE_TOPIC_XXXX", []byte("system")),
	} {
		s.seeRefusal(p, m)
	}
	return nil
}

func sendCreatesTopic(s *scene) error {
	p, err := s.producer()
	if err != nil {
		return err
	}
	r, err := s.sendSync(p, s.message("first"))
	if err != nil {
		return err
	}
	s.seeResult(r)
	return s.seeStored(s.topic, 1)
}

// listener decides about the transactions of a case, by their bodies.
type listener struct {
	mu    sync.Mutex
	first string // what the first check of checked-commit was
}

func (l *listener) ExecuteLocalTransaction(m *primitive.Message) primitive.LocalTransactionState {
	switch string(m.Body) {
	case "commit":
		return primitive.CommitMessageState
	case "rollback":
		return primitive.RollbackMessageState
	}
	return primitive.UnkonwnState
}

// CheckLocalTransaction goes by what the broker says it is that it asks for, not by how often
// this was called: several checks may be under way, in any order. checked-commit is committed
// once, since brokers store what is committed twice a second time if they have not written
// down the first. So is commit, of which a broker asks that is slow to do so.
func (l *listener) CheckLocalTransaction(m *primitive.MessageExt) primitive.LocalTransactionState {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch times := m.GetProperty("TRANSACTION_CHECK_TIMES"); {
	case string(m.Body) == "checked-rollback":
		return primitive.RollbackMessageState
	case string(m.Body) != "checked-commit":
	case times == "1":
		l.first = textOf(m)
	case times == "2":
		return primitive.CommitMessageState
	}
	return primitive.UnkonwnState
}

func (l *listener) firstCheck() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func transactions(s *scene) error {
	if err := s.createTopic(s.topic, 1); err != nil {
		return err
	}
	l, instance := &listener{}, s.instance()
	p, err := rocketmq.NewTransactionProducer(l, producer.WithNsResolver(s.resolver()),
		producer.WithGroupName(s.group), producer.WithInstanceName(instance), producer.WithSendMsgTimeout(sendPatience))
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	s.onClose(func() { _ = p.Shutdown() })
	if err := s.makeKnown(instance); err != nil {
		return err
	}
	for _, body := range []string{"commit", "rollback", "checked-commit", "checked-rollback"} {
		var r *primitive.TransactionSendResult
		err := s.routed(func() error {
			var err error
			r, err = p.SendMessageInTransaction(context.Background(), s.message(body))
			return err
		})
		if err != nil {
			return err
		}
		s.see("sent: %s %d", statusName(r.Status), r.State)
	}
	if err := s.seeStored(s.topic, 2); err != nil {
		return err
	}
	if err := s.await("the first check", func() bool { return l.firstCheck() != "" }); err != nil {
		return err
	}
	s.see("first check: %s", l.firstCheck())
	return nil
}
