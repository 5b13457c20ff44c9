package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Transaction is a half message: a message that a broker has, and no consumer gets
// before Commit. Its methods are safe for concurrent use; one of them ends it.
//
// A transaction that is not ended stays open: the broker asks about it from
// transactionTimeOut on (6 s by default) every transactionCheckInterval (30 s),
// and this Publisher does not answer as long as it is open here. After
// transactionCheckMax checks (15), so after some eight minutes, the broker moves
// the message to the topic TRANS_CHECK_MAX_TIME_TOPIC, where no consumer looks for
// it. Local work has to be shorter than that; it had better be shorter than
// transactionTimeOut.
//
// Close does not end transactions, and waits for none unless somebody holds the
// Publisher, see Hold. One that is open then is settled by a check of another
// producer of the group, or of this program when it runs again. While Close waits
// for calls under way transactions can be ended.
type Transaction struct {
	p     *Publisher
	info  TransactionInfo
	topic string // RocketMQ's
	addr  string // of the broker, when it stored the half message

	// Guarded by the mutex of Publisher.open.
	place halfPlace
	taken bool             // somebody ends it, or has
	over  bool             // somebody has
	as    TransactionState // of over: what a broker has confirmed, else unknown
}

// Info names the message.
func (t *Transaction) Info() TransactionInfo { return t.info }

// BeginTransaction stores msg as a half message. On success the caller owns the
// transaction and has to end it. The message is free for reuse.
//
// Every error is an *Error, as of Publish, and no transaction is begun. If its
// outcome is MayBeStored, the broker may have the half message and will ask about
// it: Config.Transaction.Check then has to say TransactionRollback for a
// transaction that it has never heard of. The same is true of a *NotDurableError,
// for which the half message is rolled back; without Config.RequireDurable there is
// none, and the transaction is begun.
//
// A half message whose answer was lost is sent again under the same id, so brokers
// may have two and ask about both. This Publisher answers none of these questions
// before the transaction has ended; another producer of the group may be asked
// already while BeginTransaction is trying. What it then says about the one half
// message is not held against the other.
//
// OnResult is told of the half message. A transaction cannot be combined with a
// delay or an ordering key: the error is then a *CombinationError.
func (p *Publisher) BeginTransaction(topic string, msg *message.Message) (*Transaction, error) {
	entered := p.enter()
	if entered {
		defer p.leave()
	}
	return p.begin(topic, msg, entered)
}

// begin is BeginTransaction within a call, which the publisher has let in or not.
func (p *Publisher) begin(topic string, msg *message.Message, entered bool) (*Transaction, error) {
	c := p.calls.get(p, topic, []*message.Message{msg}, mode{transaction: true})
	if !p.HasTransactionCheck() {
		c.refuse(0, ErrNoTransactionCheck)
		return nil, p.report(c)
	}
	if !entered {
		c.refuse(0, ErrClosed)
		return nil, p.report(c)
	}
	begun := false
	sent := &c.messages[0]
	defer func() { // a panic of the user's code goes on
		if !begun {
			p.open.abandon(sent.id.String())
		}
	}()
	p.publish(c, []*message.Message{msg})
	half := c.result(0)
	err := p.report(c)
	if half.Outcome != Stored {
		return nil, err
	}
	t, placeErr := p.newTransaction(topic, half)
	begun = placeErr == nil
	if err != nil { // stored, but not durably
		if begun {
			p.undo(t)
		}
		return nil, err
	}
	if placeErr != nil {
		half.Err = placeErr
		return nil, &Error{Topic: topic, Results: []Result{half}}
	}
	p.calls.put(c)
	return t, nil
}

// HasTransactionCheck reports whether there is a Config.Transaction.Check, without
// which BeginTransaction returns ErrNoTransactionCheck.
func (p *Publisher) HasTransactionCheck() bool { return p.cfg.Transaction.Check != nil }

// SendTimeout is Config.SendTimeout, or the default in its place.
func (p *Publisher) SendTimeout() time.Duration { return p.cfg.SendTimeout }

// newTransaction makes an open transaction of what a broker said of its half
// message.
func (p *Publisher) newTransaction(topic string, half Result) (*Transaction, error) {
	// The commit-log offset is the end of the id (MessageDecoder.createMessageId).
	const digits = 16
	id := half.OffsetMessageID
	if len(id) < digits {
		return nil, &answerError{fmt.Errorf("offset message id %q", id)}
	}
	log, err := strconv.ParseUint(id[len(id)-digits:], 16, 63)
	if err != nil {
		return nil, &answerError{fmt.Errorf("offset message id: %w", err)}
	}
	mapped, err := p.mapTopic(topic)
	if err != nil {
		return nil, err // cannot be: the message has just been sent there
	}
	t := &Transaction{
		p:     p,
		info:  TransactionInfo{Topic: topic, UUID: half.UUID, MessageID: half.MessageID, BrokerName: half.MessageQueue.BrokerName},
		topic: mapped.Name,
		addr:  half.BrokerAddr,
		place: halfPlace{addr: half.BrokerAddr, broker: half.MessageQueue.BrokerName, table: half.QueueOffset, log: int64(log)},
	}
	p.open.add(t)
	return t, nil
}

// undo rolls back a half message that its caller is told has failed.
func (p *Publisher) undo(t *Transaction) {
	if err := t.endOpen(context.Background(), TransactionRollback); err != nil {
		p.checkbacks.note("Cannot roll back half message, the check will", watermill.LogFields{"message_id": t.info.MessageID, "err": err.Error()})
		t.Unknown()
	}
}

// Commit gives the message to its consumers. Nil means that the broker has said
// so.
//
// Every error is a *TransactionError. The request is sent once: a second one would
// deliver the message a second time. If its answer is lost, Outcome is
// MayBeStored, the message may be committed, and the check will settle it. Commit
// waits for the answer until ctx ends, and for Config.SendTimeout at most. If
// nothing was sent or the broker has turned it away, Open says whether Commit may
// be called again.
//
// A message that is committed may be delivered more than once where the broker
// has checked it before: a check copies the half message, and the copy is checked
// as well. This Publisher knows such a copy and has it dropped; another producer
// of the group does not, and neither does this program after a restart. So commit
// before transactionTimeOut, or use Config.Transaction.CheckAfter.
func (t *Transaction) Commit(ctx context.Context) error { return t.end(ctx, TransactionCommit) }

// Rollback drops the message. Its promises are those of Commit. A rollback that is
// lost does no harm as long as Config.Transaction.Check knows that it was meant.
func (t *Transaction) Rollback(ctx context.Context) error { return t.end(ctx, TransactionRollback) }

// Unknown sends nothing and leaves the decision to Config.Transaction.Check, which
// is asked from the next check on. On a transaction that has ended it does
// nothing.
func (t *Transaction) Unknown() {
	if _, err := t.p.open.take(t); err == nil {
		t.p.open.remove(t, TransactionUnknown)
	}
}

// end is endOpen in a call of its own.
func (t *Transaction) end(ctx context.Context, state TransactionState) error {
	if !t.p.enterToEnd() {
		return &TransactionError{State: state, MessageID: t.info.MessageID, Err: ErrClosed}
	}
	defer t.p.leave()
	return t.endOpen(ctx, state)
}

// endOpen is end within a call that the publisher has let in.
func (t *Transaction) endOpen(ctx context.Context, state TransactionState) error {
	p := t.p
	place, err := p.open.take(t)
	if err != nil {
		return &TransactionError{State: state, MessageID: t.info.MessageID, Err: err}
	}
	answered := false
	defer func() {
		if !answered { // user code has panicked: the check decides
			p.open.remove(t, TransactionUnknown)
		}
	}()
	err = t.send(ctx, place, state)
	answered = true
	if err == nil {
		p.open.remove(t, state)
		return nil
	}
	v := judgeEnd(err)
	if refusal := verdict.Refusal(err); refusal != nil {
		err = refusal
	}
	if errors.Is(err, transport.ErrClosed) { // Close has cut it off
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	p.refresh(t.topic, v)
	failed := &TransactionError{State: state, MessageID: t.info.MessageID, Outcome: Outcome(v.Outcome), Err: err}
	if v.Outcome == verdict.NotSent && v.Again() {
		failed.Open = true
		p.open.giveBack(t)
	} else {
		p.open.remove(t, TransactionUnknown)
	}
	return failed
}

// send makes the one request that ends the transaction.
func (t *Transaction) send(ctx context.Context, place halfPlace, state TransactionState) error {
	p := t.p
	limited, cancel := context.WithTimeoutCause(ctx, p.cfg.SendTimeout, ErrSendTimeout)
	defer cancel()
	if place.broker != "" {
		if addr, err := p.routes.BrokerAddr(limited, t.topic, place.broker); err == nil {
			place.addr = p.session.SendAddr(addr) // it may have moved
		}
	}
	_, err := headers.Successful(p.client.Invoke(limited, place.addr, place.end(p.cfg.ProducerGroup, t.topic, t.info.MessageID, state), nil))
	return err
}

// PublishInTransaction stores msg as a half message, runs local with the message's
// context, and ends the transaction as local says.
//
// Nil means that the transaction has ended so: the message is committed or rolled
// back and the broker has confirmed it, or, for TransactionUnknown, that the next
// check will decide. If the half message could not be stored local is not run, and
// the error is the *Error of BeginTransaction. If local returns an error, the
// transaction is ended by the state beside it, which is TransactionUnknown unless
// local says otherwise, and the error is wrapped. If the end fails, a
// *TransactionError is in the error. If local panics, the panic goes on and the
// check decides.
//
// It is one call to Close, which waits for local and for the end of the transaction
// as it waits for Publish. So local must not call Close.
func (p *Publisher) PublishInTransaction(topic string, msg *message.Message, local func(ctx context.Context, info TransactionInfo) (TransactionState, error)) error {
	entered := p.enter()
	if entered {
		defer p.leave()
	}
	t, err := p.begin(topic, msg, entered)
	if err != nil {
		return err
	}
	defer t.Unknown() // whatever becomes of local
	ctx := msg.Context()
	state, err := local(ctx, t.info)
	if err != nil {
		err = fmt.Errorf("publisher: local transaction of message %s: %w", t.info.MessageID, err)
	}
	if state.end() == headers.TransactionUndecided {
		return err
	}
	return joined(err, leave(t, t.endOpen(ctx, state)))
}

// leave leaves a transaction that is still open to the check.
func leave(t *Transaction, err error) error {
	var failed *TransactionError
	if errors.As(err, &failed) && failed.Open {
		t.Unknown()
		failed.Open = false
	}
	return err
}

// joined is errors.Join that leaves a single error as it is.
func joined(local, end error) error {
	if local == nil {
		return end
	}
	if end == nil {
		return local
	}
	return errors.Join(local, end)
}

// judgeEnd says what a failed END_TRANSACTION means. What a broker refuses it has
// looked at before it did anything (EndTransactionProcessor of 5.5.0).
func judgeEnd(err error) verdict.Verdict {
	var status *headers.StatusError
	if errors.As(err, &status) {
		switch {
		case status.Code == headers.IllegalOperation, status.Code == headers.SlaveNotAvailable:
			return verdict.Verdict{}
		case status.Code == headers.SystemError && isEndRefusal(status.Remark):
			return verdict.Verdict{}
		}
	}
	return judge(err)
}

func isEndRefusal(remark string) bool {
	switch remark {
	case "The producer group wrong", "The transaction state table offset wrong", "The commit log offset wrong", "Find prepared transaction message failed":
		return true
	}
	return false
}
