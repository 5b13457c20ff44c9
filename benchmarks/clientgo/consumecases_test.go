package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

func bodies(queue, count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf("queue-%d-number-%d", queue, i)
	}
	return all
}

// sendEverywhere sends so many messages to each queue of the scene's topic.
func (s *scene) sendEverywhere(queues, count int) error {
	for queue := range queues {
		if err := s.send(queue, bodies(queue, count)...); err != nil {
			return err
		}
	}
	return nil
}

// pushClustering has two members, and sends until both have a share: then each message
// went to one of them. The client shares queues anew every 20 s.
func pushClustering(s *scene) error {
	if err := s.createTopic(s.topic, 4); err != nil {
		return err
	}
	one, stopOne, err := s.push(handling{})
	if err != nil {
		return err
	}
	two, stopTwo, err := s.push(handling{})
	if err != nil {
		return err
	}
	if err := s.sendEverywhere(4, 3); err != nil {
		return err
	}
	distinct := func() int {
		all := strings.Fields(one.bodies() + " " + two.bodies())
		found := make(map[string]bool)
		for _, body := range all {
			found[body] = true
		}
		return len(found)
	}
	if err := s.await("all messages", func() bool { return distinct() == 12 }); err != nil {
		return err
	}
	stopOne()
	stopTwo()
	s.see("taken: %d", distinct())
	// A member that comes after them goes on.
	if err := s.send(0, "after"); err != nil {
		return err
	}
	after, _, err := s.push(handling{})
	if err != nil {
		return err
	}
	// Of what they had from the queues of each other they may not have committed all.
	return s.await("what came after", func() bool { return strings.Contains(after.bodies(), "after") })
}

func pushBroadcasting(s *scene) error {
	if err := s.createTopic(s.topic, 2); err != nil {
		return err
	}
	// The client keeps the offsets in files.
	folder := os.Getenv("rocketmq.client.localOffsetStoreDir")
	if folder == "" {
		folder = filepath.Join(os.Getenv("HOME"), ".rocketmq_client_go")
	}
	var members [2]*taken
	for i := range members {
		h := handling{group: fmt.Sprint(s.group, "-", s.kind, "-", i), options: []consumer.Option{consumer.WithConsumerModel(consumer.BroadCasting)}}
		forget := func() {
			_ = os.RemoveAll(filepath.Join(folder, h.group))
			_ = os.Remove(folder) // if it has nothing else
		}
		forget()
		s.onClose(forget)
		var err error
		if members[i], _, err = s.push(h); err != nil {
			return err
		}
	}
	if err := s.sendEverywhere(2, 3); err != nil {
		return err
	}
	if err := s.await("all messages for each", func() bool { return members[0].size() >= 6 && members[1].size() >= 6 }); err != nil {
		return err
	}
	s.see("the first: %s", members[0].bodies())
	s.see("the second: %s", members[1].bodies())
	return nil
}

// pushOrderly has one message of each queue fail twice, and the others wait for it.
func pushOrderly(s *scene) error {
	if err := s.createTopic(s.topic, 2); err != nil {
		return err
	}
	if err := s.sendEverywhere(2, 5); err != nil {
		return err
	}
	got, _, err := s.push(handling{
		options: []consumer.Option{consumer.WithConsumerOrder(true)},
		succeeds: func(m *primitive.MessageExt, times int) bool {
			return !strings.HasSuffix(string(m.Body), "2") || times > 2
		},
	})
	if err != nil {
		return err
	}
	if err := s.await("all messages", func() bool { return got.size() >= 14 }); err != nil {
		return err
	}
	s.see("queue 0: %s", got.inQueue(0))
	s.see("queue 1: %s", got.inQueue(1))
	return nil
}

func pushTags(s *scene) error {
	p, err := s.producerTo(1)
	if err != nil {
		return err
	}
	for _, tag := range []string{"a", "c", "b", "a"} {
		if _, err := s.sendSync(p, s.message("tagged-"+tag).WithTag(tag)); err != nil {
			return err
		}
	}
	got, _, err := s.push(handling{expression: "a || b"})
	if err != nil {
		return err
	}
	if err := s.await("what it subscribes to", func() bool { return got.size() >= 3 }); err != nil {
		return err
	}
	s.see("taken: %s", got.bodies())
	return nil
}

func pushSQL(s *scene) error {
	p, err := s.producerTo(1)
	if err != nil {
		return err
	}
	for i := range 6 {
		m := s.message(fmt.Sprint("priced-", i))
		m.WithProperty("price", fmt.Sprint(i))
		if _, err := s.sendSync(p, m); err != nil {
			return err
		}
	}
	got, _, err := s.push(handling{expression: "price > 1 AND price <> 4 AND TAGS IN ('tag', 'other')", sql: true})
	if err != nil {
		return err
	}
	if err := s.await("what it selects", func() bool { return got.size() >= 3 }); err != nil {
		return err
	}
	s.see("taken: %s", got.bodies())
	return nil
}

const (
	retries     = "%RETRY%"
	deadLetters = "%DLQ%"
)

// createTopics creates the topic, and that of retries: the client asks for its route before
// brokers create it, and then only every 30 s.
func (s *scene) createTopics() error {
	if err := s.createTopic(s.topic, 1); err != nil {
		return err
	}
	return s.createTopic(retries+s.group, 1)
}

func pushRetry(s *scene) error {
	if err := s.createTopics(); err != nil {
		return err
	}
	got, _, err := s.push(handling{level: 1, succeeds: func(_ *primitive.MessageExt, times int) bool { return times > 2 }})
	if err != nil {
		return err
	}
	if err := s.send(0, "fails-twice"); err != nil {
		return err
	}
	if err := s.await("three deliveries", func() bool { return got.size() >= 3 }); err != nil {
		return err
	}
	for _, line := range got.texts() {
		s.see("delivered: %s", line)
	}
	const second = 990 * time.Millisecond // brokers leave off what is below a millisecond
	s.see("a second apart: %t %t", got.apart(0, 1, second), got.apart(1, 2, second))
	return nil
}

func deadLetter(s *scene) error {
	if err := s.createTopics(); err != nil {
		return err
	}
	got, _, err := s.push(handling{
		level: 1, options: []consumer.Option{consumer.WithMaxReconsumeTimes(1)},
		succeeds: func(*primitive.MessageExt, int) bool { return false },
	})
	if err != nil {
		return err
	}
	if err := s.send(0, "fails"); err != nil {
		return err
	}
	if err := s.await("both deliveries", func() bool { return got.size() >= 2 }); err != nil {
		return err
	}
	return s.seeDeadLetter(got)
}

func deadLetterAtOnce(s *scene) error {
	if err := s.createTopics(); err != nil {
		return err
	}
	got, _, err := s.push(handling{level: -1, succeeds: func(*primitive.MessageExt, int) bool { return false }})
	if err != nil {
		return err
	}
	if err := s.send(0, "fails"); err != nil {
		return err
	}
	return s.seeDeadLetter(got)
}

// seeDeadLetter waits for the topic of dead letters, which comes with the first.
func (s *scene) seeDeadLetter(got *taken) error {
	if err := s.awaitRoute(deadLetters + s.group); err != nil {
		return err
	}
	if err := s.seeStored(deadLetters+s.group, 1); err != nil {
		return err
	}
	for _, line := range got.texts() {
		s.see("delivered: %s", line)
	}
	return nil
}

// consumeFrom is where new groups begin that find old messages.
func consumeFrom(s *scene) error {
	if err := s.createTopic(s.topic, 1); err != nil {
		return err
	}
	if err := s.send(0, "old-a", "old-b"); err != nil {
		return err
	}
	for _, from := range []consumer.ConsumeFromWhere{consumer.ConsumeFromFirstOffset, consumer.ConsumeFromLastOffset} {
		got, stop, err := s.push(handling{group: fmt.Sprint(s.group, from), options: []consumer.Option{consumer.WithConsumeFromWhere(from)}})
		if err != nil {
			return err
		}
		// Brokers have both begin with the first message of a young topic.
		if err := s.await("the old ones", func() bool { return got.size() >= 2 }); err != nil {
			return err
		}
		stop()
		s.see("from %d: %s", from, got.bodies())
	}
	return nil
}
