package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/rounds"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// TestStressEngine has a crowd publish in every way, to brokers of which half of the
// requests go wrong, with contexts that end and a Close that comes at random, and
// accounts for every message.
func TestStressEngine(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		rounds.Run(t, func(t *testing.T, seed uint64) {
			synctest.Test(t, func(t *testing.T) { newEngineStress(t, seed, embedded.InMemory()).run() })
		})
	})
	// Over TCP callers read their own answers, and time is real.
	t.Run("tcp", func(t *testing.T) {
		rounds.Run(t, func(t *testing.T, seed uint64) {
			s := newEngineStress(t, seed)
			ended := make(chan struct{})
			go func() {
				select {
				case <-ended:
				case <-time.After(5 * time.Minute):
					buf := make([]byte, 8<<20)
					panic("hangs:\n" + string(buf[:runtime.Stack(buf, true)]))
				}
			}()
			defer close(ended)
			s.run()
		})
	})
}

var stressTopics = []string{"one", "two", "three"}

// engineStress is one round.
type engineStress struct {
	t       *testing.T
	dice    *rounds.Dice
	cluster *embedded.Cluster
	p       *publisher.Publisher
	length  time.Duration // from the start to Close
	ordered bool

	mu       sync.Mutex
	payloads map[string]string              // by UUID, of all messages
	told     map[string][]publisher.Result  // by UUID
	refused  map[string]publisher.Result    // by UUID, by PublishAsync
	keyed    map[string]map[string][]string // UUIDs by worker and key, in the order in which they were handed over
}

func newEngineStress(t *testing.T, seed uint64, opts ...embedded.Option) *engineStress {
	opts = append(opts, embedded.WithBrokers(2))
	for _, topic := range stressTopics {
		opts = append(opts, embedded.WithTopic(topic, 2))
	}
	cluster, err := embedded.Start(opts...)
	require.NoError(t, err)
	s := &engineStress{
		t: t, dice: rounds.NewDice(seed), cluster: cluster,
		payloads: make(map[string]string), told: make(map[string][]publisher.Result), refused: make(map[string]publisher.Result),
		keyed: make(map[string]map[string][]string),
	}
	s.length = s.dice.UpTo(2 * time.Second)
	cluster.Intercept(s.fault)
	cfg := publisher.Config{
		Cluster:     cluster.Config(),
		SendTimeout: time.Second, AttemptTimeout: 200 * time.Millisecond,
		CloseTimeout: s.dice.UpTo(1200 * time.Millisecond),
		Batch:        publisher.BatchConfig{MaxMessages: 1 + s.dice.N(20), MaxBytes: 4000},
		Waiting:      publisher.WaitingConfig{Messages: 20 + s.dice.N(200), Bytes: 60_000},
		OnResult:     s.onResult,
	}
	if cfg.Batch.MaxMessages > 1 && s.dice.One(4) {
		cfg.Batch.Linger = s.dice.UpTo(20 * time.Millisecond)
	}
	if s.ordered = s.dice.One(2); s.ordered {
		cfg.OrderingKey = func(_ string, msg *message.Message) (string, error) { return msg.Metadata["key"], nil }
	}
	if s.dice.One(3) {
		cfg.Queues.Selector = routing.Random{}
	}
	if s.dice.One(3) {
		cfg.Hooks = []publisher.Hooks{{
			PublishStart: func(ctx context.Context, _ *publisher.PublishEvent) context.Context { runtime.Gosched(); return ctx },
			PublishEnd:   func(context.Context, publisher.Result) { runtime.Gosched() },
			AttemptStart: func(ctx context.Context, _ publisher.AttemptEvent) context.Context { runtime.Gosched(); return ctx },
			AttemptEnd:   func(context.Context, publisher.AttemptEvent) { runtime.Gosched() },
			Retry:        func(context.Context, publisher.RetryEvent) { runtime.Gosched() },
		}}
	}
	s.p, err = publisher.New(cfg, nil)
	require.NoError(t, err)
	return s
}

// fault is what happens to a request: to every second send one of twenty things, and
// now and then something to other requests.
func (s *engineStress) fault(r embedded.Request) embedded.Fault {
	switch {
	case r.Send == nil && !s.dice.One(10):
		return embedded.Fault{}
	case r.Send == nil:
		return s.pick(embedded.Ignore(), embedded.DropConnection(), embedded.Delay(s.dice.UpTo(300*time.Millisecond)),
			embedded.Answer(headers.SystemError, ""), embedded.CutAnswer(s.dice.N(40)))
	case s.dice.One(2):
		return embedded.Fault{}
	}
	late := func() time.Duration { return s.dice.UpTo(500 * time.Millisecond) }
	return s.pick(
		embedded.DelayAnswer(s.dice.UpTo(50*time.Millisecond)),
		embedded.DelayAnswer(late()),
		embedded.Delay(late()),
		embedded.DropConnection(),
		embedded.DropConnection().After(s.dice.UpTo(50*time.Millisecond)),
		embedded.StoreThenDrop(),
		embedded.CutAnswer(s.dice.N(60)),
		embedded.Ignore(),
		embedded.AnswerBytes([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")),
		embedded.Answer(headers.FlowControl, ""),
		embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"),
		embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]").After(s.dice.UpTo(200*time.Millisecond)),
		embedded.Answer(headers.SystemError, ""),
		embedded.Answer(headers.ServiceNotAvailable, ""),
		embedded.Answer(headers.MessageIllegal, ""),
		embedded.Answer(headers.NoPermission, ""),
		embedded.Answer(headers.TopicNotExist, ""),
		embedded.Answer(4711, ""),
		embedded.Answer(headers.GoAway, ""),
		embedded.StoreThenAnswer(headers.SystemError, ""),
		embedded.StoreThenAnswer(headers.SlaveNotAvailable, ""),
	)
}

func (s *engineStress) pick(faults ...embedded.Fault) embedded.Fault {
	return faults[s.dice.N(len(faults))]
}

func (s *engineStress) onResult(r publisher.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[r.UUID] = append(s.told[r.UUID], r)
}

func (s *engineStress) run() {
	t := s.t
	var wg sync.WaitGroup
	for worker := range 40 {
		wg.Go(func() { s.work(fmt.Sprint("w", worker)) })
	}
	timer := time.NewTimer(s.length)
	<-timer.C
	if err := s.p.Close(); err != nil && !errors.Is(err, publisher.ErrCloseTimeout) {
		t.Error(err)
	}
	wg.Wait()
	require.NoError(t, s.p.Flush(t.Context()))
	require.Zero(t, publisher.Inside(s.p))
	require.NoError(t, s.cluster.Close()) // what was on its way to it has come, or never will
	s.account()
}

// work publishes until the publisher is closed.
func (s *engineStress) work(worker string) {
	for n := 0; ; n++ {
		messages, done := s.call(fmt.Sprint(worker, "n", n))
		topic := stressTopics[s.dice.N(len(stressTopics))]
		s.note(worker+topic, messages)
		var err error
		switch s.dice.N(4) {
		case 0:
			if err = s.p.PublishAsync(topic, messages...); err != nil {
				s.noteRefused(err)
			}
			if errors.Is(err, publisher.ErrWaitingFull) || s.dice.One(4) {
				_ = s.p.Flush(s.t.Context())
			}
		case 1:
			err = s.p.PublishOneway(topic, messages...)
		default:
			err = s.p.Publish(topic, messages...)
		}
		for _, msg := range messages {
			clear(msg.Payload) // nobody may look at it any more
		}
		done()
		if errors.Is(err, publisher.ErrClosed) {
			return
		}
	}
}

// call makes a call: few messages or many, small or large, with keys or without,
// with contexts that end or do not.
func (s *engineStress) call(name string) (messages []*message.Message, done func()) {
	var cancels []context.CancelFunc
	limited := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), s.dice.UpTo(600*time.Millisecond))
		cancels = append(cancels, cancel)
		return ctx
	}
	shared := limited()
	kind, n := s.dice.N(4), 1+s.dice.N(12)
	if s.dice.One(30) {
		n = 80 // several requests
	}
	for i := range n {
		size := s.dice.N(300)
		if s.dice.One(20) {
			size = 6000 // compressed, so sent alone
		}
		msg := message.NewMessage(fmt.Sprint(name, "-", i), []byte(strings.Repeat(name, 1+size/len(name))))
		switch {
		case kind == 1:
			msg.SetContext(shared)
		case kind == 2 && s.dice.One(3):
			msg.SetContext(limited())
		}
		if s.dice.One(2) {
			msg.Metadata["key"] = fmt.Sprint("key-", s.dice.N(5))
		}
		messages = append(messages, msg)
	}
	return messages, func() {
		for _, cancel := range cancels {
			cancel()
		}
	}
}

func (s *engineStress) note(row string, messages []*message.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keyed[row] == nil {
		s.keyed[row] = make(map[string][]string)
	}
	for _, msg := range messages {
		s.payloads[msg.UUID] = string(msg.Payload)
		if key := msg.Metadata["key"]; key != "" {
			s.keyed[row][key] = append(s.keyed[row][key], msg.UUID)
		}
	}
}

func (s *engineStress) noteRefused(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range failureOf(s.t, err).Results {
		s.refused[r.UUID] = r
	}
}

// account holds what results say against what is stored.
func (s *engineStress) account() {
	t := s.t
	byUUID := make(map[string][]stored)
	for _, topic := range stressTopics {
		for _, m := range messagesIn(s.cluster, topic) {
			own := fromEmbedded(t, m)
			require.Equal(t, s.payloads[own.Keys], string(own.Body))
			byUUID[own.Keys] = append(byUUID[own.Keys], own)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for uuid := range s.payloads {
		copies := byUUID[uuid]
		delete(byUUID, uuid)
		if r, ok := s.refused[uuid]; ok {
			require.Empty(t, s.told[uuid], "its call was refused")
			require.Equal(t, publisher.NotSent, r.Outcome)
			require.Empty(t, copies)
			continue
		}
		require.Len(t, s.told[uuid], 1, "told of it once")
		r := s.told[uuid][0]
		for _, one := range copies {
			require.Equal(t, r.MessageID, one.UniqueID, "one id for all attempts")
		}
		switch r.Outcome {
		case publisher.Stored:
			require.Equal(t, at(t, copies, r).OffsetMessageID, r.OffsetMessageID)
		case publisher.NotSent:
			require.Error(t, r.Err)
			require.Empty(t, copies, "%+v", r)
		case publisher.MayBeStored:
		}
	}
	require.Empty(t, byUUID, "stored, and nobody has published it")
	if s.ordered {
		s.accountOrder()
	}
}

// accountOrder looks at the messages of each key that one worker has handed over, and
// that were stored at once: a copy that comes late, or again, may stand anywhere.
func (s *engineStress) accountOrder() {
	for _, keys := range s.keyed {
		for _, uuids := range keys {
			var before publisher.Result
			for _, uuid := range uuids {
				told := s.told[uuid]
				if len(told) != 1 || told[0].Outcome != publisher.Stored || len(told[0].Failed) > 0 {
					continue
				}
				r := told[0]
				if before.MessageQueue == r.MessageQueue {
					require.Less(s.t, before.QueueOffset, r.QueueOffset, "%s and %s", before.UUID, r.UUID)
				}
				before = r
			}
		}
	}
}
