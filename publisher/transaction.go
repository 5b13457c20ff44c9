package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TransactionInfo names the message of a transaction.
type TransactionInfo struct {
	// Topic is the Watermill topic, UUID that of the Watermill message.
	Topic, UUID string
	// MessageID is the unique message id (UNIQ_KEY), by which a check knows the
	// transaction again: see CheckedMessage. RocketMQ's transaction id is the
	// same.
	MessageID string
	// BrokerName is the broker that has the half message.
	BrokerName string
}

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
// Close does not end transactions. One that is open then is settled by a check of
// another producer of the group, or of this program when it runs again.
type Transaction struct {
	p     *Publisher
	info  TransactionInfo
	topic string // RocketMQ's

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
// for which the half message is rolled back, as the Java client does; with
// Config.AcceptNotDurable there is none.
//
// OnResult is told of the half message. A transaction cannot be combined with a
// delay or an ordering key: the error is then a *CombinationError.
func (p *Publisher) BeginTransaction(topic string, msg *message.Message) (*Transaction, error) {
	c := p.calls.get([]*message.Message{msg}, p.now())
	c.manner = manner{transaction: true}
	if !p.HasTransactionCheck() {
		refuse(c.results, 0, ErrNoTransactionCheck)
		return nil, p.report(c, topic)
	}
	if !p.enter() {
		refuse(c.results, 0, ErrClosed)
		return nil, p.report(c, topic)
	}
	defer p.leave()
	p.publish(c, topic, []*message.Message{msg})
	c.fillIDs(p.now())
	half := c.results[0]
	err := p.report(c, topic)
	if half.Outcome != Stored {
		return nil, err
	}
	t, placeErr := p.newTransaction(topic, half)
	if err != nil { // stored, but not durably
		if placeErr == nil {
			p.undo(t)
		}
		return nil, err
	}
	p.calls.put(c)
	if placeErr != nil {
		half.Err = placeErr
		return nil, &Error{Topic: topic, Results: []Result{half}}
	}
	return t, nil
}

// HasTransactionCheck reports whether there is a Config.Transaction.Check, without
// which BeginTransaction returns ErrNoTransactionCheck.
func (p *Publisher) HasTransactionCheck() bool { return p.cfg.Transaction.Check != nil }

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
		place: halfPlace{addr: half.BrokerAddr, broker: half.MessageQueue.BrokerName, table: half.QueueOffset, log: int64(log)},
	}
	p.open.add(t)
	return t, nil
}

// undo rolls back a half message that its caller is told has failed.
func (p *Publisher) undo(t *Transaction) {
	if err := t.endOpen(context.Background(), TransactionRollback); err != nil {
		p.logger.Info("Cannot roll back half message, the check will", watermill.LogFields{"message_id": t.info.MessageID, "err": err.Error()})
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

func (t *Transaction) end(ctx context.Context, state TransactionState) error {
	if !t.p.enter() {
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
	err = t.send(ctx, place, state)
	if err == nil {
		p.open.remove(t, state)
		return nil
	}
	v := judgeEnd(err)
	if refusal := refusalOf(err); refusal != nil {
		err = refusal
	}
	if v.refresh {
		p.routes.Refresh(t.topic)
	}
	failed := &TransactionError{State: state, MessageID: t.info.MessageID, Outcome: v.outcome, Err: err}
	if v.outcome == NotSent && v.again() {
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
			place.addr = p.sendAddr(addr) // it may have moved
		}
	}
	answer, err := p.client.Invoke(limited, place.addr, &headers.EndTransaction{
		ProducerGroup:    p.cfg.ProducerGroup,
		StateTableOffset: place.table,
		CommitLogOffset:  place.log,
		End:              state.end(),
		MessageID:        t.info.MessageID,
		TransactionID:    t.info.MessageID,
		Topic:            t.topic,
		BrokerName:       place.broker,
	}, nil)
	if err != nil {
		return err
	}
	return answer.Err()
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
func (p *Publisher) PublishInTransaction(topic string, msg *message.Message, local func(ctx context.Context, info TransactionInfo) (TransactionState, error)) error {
	t, err := p.BeginTransaction(topic, msg)
	if err != nil {
		return err
	}
	defer t.Unknown() // whatever becomes of local
	ctx := msg.Context()
	state, err := local(ctx, t.info)
	if err != nil {
		err = fmt.Errorf("publisher: local transaction of message %s: %w", t.info.MessageID, err)
	}
	switch state {
	case TransactionCommit:
		return joined(err, leave(t, t.Commit(ctx)))
	case TransactionRollback:
		return joined(err, leave(t, t.Rollback(ctx)))
	default:
		return err
	}
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
func judgeEnd(err error) verdict {
	var status *headers.StatusError
	if errors.As(err, &status) {
		switch {
		case status.Code == headers.IllegalOperation, status.Code == headers.SlaveNotAvailable:
			return verdict{}
		case status.Code == headers.SystemError && isEndRefusal(status.Remark):
			return verdict{}
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
