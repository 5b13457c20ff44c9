package publisher

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// maxWaitingChecks is how many checks may wait for their turn.
const maxWaitingChecks = 1024

// checker answers the checks of brokers. Readers of connections hand them over;
// goroutines of the checker, at most Config.Transaction.Concurrency, run while
// there are any, and stop waits for them.
type checker struct {
	p       *Publisher
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	strange sync.Once // to be asked, without a Config.Transaction.Check

	mu      sync.Mutex // guards what follows, and the places of checks
	waiting []*question
	// byKey has every check that waits or is being worked on. A broker that does
	// not get its answer in time asks again, and has moved the half message then:
	// the answer goes to where it is now, once.
	byKey   map[string]*question
	workers int
	stopped bool
}

// question is what a broker wants to know of one transaction.
type question struct {
	id    string // unique id of the message
	key   string // the same, or where the message has none, its offset message id
	topic string // as the broker wrote it
	place halfPlace
	body  []byte // the half message, stored
	// ended says that the transaction has ended: this is a copy to be dropped.
	ended bool
}

func newChecker(p *Publisher) *checker {
	c := &checker{p: p, byKey: make(map[string]*question)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// request is transport.Config.Requests.
func (c *checker) request(addr string, request headers.Command) {
	switch {
	case headers.RequestCode(request.Code) != headers.CodeCheckTransactionState:
	case c.p.cfg.Transaction.Check == nil:
		c.strange.Do(func() {
			c.p.logger.Info("A broker asks about a transaction, but this publisher has no Transaction.Check: another program shares its producer group",
				watermill.LogFields{"addr": addr})
		})
	default:
		c.take(addr, request)
	}
}

// take lets a check wait for its turn. It does not block.
func (c *checker) take(addr string, request headers.Command) {
	h, err := headers.ParseCheckTransaction(&request)
	if err != nil {
		c.p.logger.Error("Cannot read RocketMQ's transaction check", err, watermill.LogFields{"addr": addr})
		return
	}
	next := &question{
		id: h.MessageID, topic: h.Topic, body: request.Body,
		place: halfPlace{addr: addr, broker: h.BrokerName, table: h.StateTableOffset, log: h.CommitLogOffset},
	}
	if next.key = next.id; next.key == "" {
		next.key = h.OffsetMessageID
	}
	switch c.p.open.see(next.id, next.place) {
	case standingOpen:
		return // its owner will decide
	case standingEnded:
		next.ended = true
	}
	if !c.add(next) {
		c.p.logger.Info("Too many transaction checks wait, dropping one: the broker asks again", watermill.LogFields{
			"addr": addr, "message_id": next.id,
		})
	}
}

// add queues a check, or moves the one that it repeats. It reports false if there
// is no room.
func (c *checker) add(next *question) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.byKey[next.key]; before != nil {
		before.place = next.place
		return true
	}
	if c.stopped {
		return true
	}
	if len(c.waiting) >= maxWaitingChecks {
		return false
	}
	c.waiting = append(c.waiting, next)
	c.byKey[next.key] = next
	if c.workers < c.p.cfg.Transaction.Concurrency {
		c.workers++
		c.wg.Go(c.work) // before stop has set stopped, so before it waits
	}
	return true
}

// work answers checks until none waits.
func (c *checker) work() {
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 || c.stopped {
			c.workers--
			c.mu.Unlock()
			return
		}
		next := c.waiting[0]
		c.waiting[0] = nil
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		c.answer(next)
	}
}

// answer finds out what became of a transaction and tells the broker. Unlike the
// Java client it waits for the broker's word (EndTransactionProcessor answers, if
// asked to): a broker that has checked again meanwhile has a copy of the half
// message, and one whose decision is confirmed is dropped instead of delivered.
func (c *checker) answer(asked *question) {
	state := TransactionRollback
	if !asked.ended {
		state = c.ask(asked)
	}
	for {
		c.mu.Lock()
		place := asked.place
		if state.end() == headers.TransactionUndecided {
			delete(c.byKey, asked.key)
			c.mu.Unlock()
			return // the next check asks again
		}
		c.mu.Unlock()
		err := c.tell(asked, place, state)
		if err == nil {
			c.p.open.confirm(asked.id)
		} else {
			c.p.logger.Info("RocketMQ has not confirmed the answer to its transaction check, and asks again unless it has it", watermill.LogFields{
				"addr": place.addr, "message_id": asked.id, "err": err.Error(),
			})
		}
		c.mu.Lock()
		if err != nil || asked.place == place {
			delete(c.byKey, asked.key)
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		state = TransactionRollback // of the copy
	}
}

// tell sends one decision. Close waits for it.
func (c *checker) tell(asked *question, place halfPlace, state TransactionState) error {
	ctx, cancel := context.WithTimeout(context.Background(), heartbeatTimeout)
	defer cancel()
	answer, err := c.p.client.Invoke(ctx, place.addr, &headers.EndTransaction{
		ProducerGroup:    c.p.cfg.ProducerGroup,
		StateTableOffset: place.table,
		CommitLogOffset:  place.log,
		End:              state.end(),
		FromCheck:        true,
		MessageID:        asked.id,
		TransactionID:    asked.id,
		Topic:            asked.topic,
		BrokerName:       place.broker,
	}, nil)
	if err != nil {
		return err
	}
	return answer.Err()
}

// ask has the user's function decide.
func (c *checker) ask(asked *question) (state TransactionState) {
	ctx, cancel := context.WithTimeout(c.ctx, c.p.cfg.Transaction.CheckTimeout)
	defer cancel()
	fields := watermill.LogFields{"message_id": asked.id}
	c.mu.Lock()
	first := *asked // the place may change meanwhile
	c.mu.Unlock()
	msg, err := c.p.readChecked(ctx, &first)
	if err != nil {
		c.p.logger.Error("Cannot answer RocketMQ's transaction check", err, fields)
		return TransactionUnknown
	}
	defer func() {
		if r := recover(); r != nil {
			state = TransactionUnknown
			c.p.logger.Error("Config.Transaction.Check panicked", fmt.Errorf("panic: %v\n%s", r, debug.Stack()), fields)
		}
	}()
	state = c.p.cfg.Transaction.Check(ctx, msg)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && state != TransactionUnknown {
		c.p.logger.Info("Config.Transaction.Check took too long, its answer is not sent", fields)
		return TransactionUnknown
	}
	return state
}

// stop ends the contexts of the checks under way and waits for them and for the
// answers they come to. Those that wait are dropped: the broker asks another
// producer.
func (c *checker) stop() {
	c.mu.Lock()
	c.stopped = true
	c.waiting = nil
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}
