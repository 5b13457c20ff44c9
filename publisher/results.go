package publisher

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/messageid"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// results makes the public results of a call that is over.
func (c *call) results() []Result {
	all := make([]Result, len(c.messages))
	for i := range all {
		all[i] = c.result(i)
	}
	return all
}

// result makes the public result of one message of a call that is over.
func (c *call) result(i int) Result {
	own := &c.messages[i]
	r := Result{Topic: c.topic, UUID: own.uuid, Began: c.began}
	report := c.reportOf(i)
	r.MessageID, r.OffsetMessageID = idsOf(own, report)
	if c.refusal.err != nil && i >= c.refusal.from {
		r.Took = time.Since(c.began)
		if r.Err = ErrNotAttempted; i == c.refusal.at {
			r.Err = c.refusal.err
		}
		return r
	}
	if report != nil {
		c.p.fillResult(&r, report)
	}
	return r
}

// reportOf returns what the engine reports of a message; nil if it was not handed over,
// or if there is nothing to report.
func (c *call) reportOf(i int) *dispatch.Report {
	if i >= len(c.Call.Messages()) {
		return nil
	}
	return c.Report(i)
}

// idsOf returns the ids of a message, as far as it has them. They share their memory.
func idsOf(m *prepared, report *dispatch.Report) (id, offset string) {
	if m.id == (messageid.ID{}) {
		return "", ""
	}
	var both [2 * maxOffsetID]byte
	ids := append(both[:0], m.id[:]...)
	if report != nil && report.Stored != nil {
		ids = append(ids, offsetID(report.Stored.OffsetIDs, report.Place, report.Of)...)
	}
	text := string(ids)
	return text[:len(m.id)], text[len(m.id):]
}

// maxOffsetID is the most characters of an offset message id: an IPv6 address, a port and
// an offset.
const maxOffsetID = 2 * (16 + 4 + 8)

// fillResult fills in what the engine reports of a message.
func (p *Publisher) fillResult(r *Result, report *dispatch.Report) {
	r.Outcome, r.Attempts, r.Took = Outcome(report.Outcome), report.Attempts, report.Took
	for i := range report.Failed {
		r.Failed = append(r.Failed, p.attemptOf(&report.Failed[i]))
	}
	if stored := report.Stored; stored != nil {
		r.MessageQueue, r.BrokerAddr = p.userQueue(stored.Queue), stored.Addr
		if r.Outcome == Stored {
			r.Status, r.RecallHandle = SendStatus(stored.Status), stored.Handle
			r.QueueOffset = stored.Offset + int64(report.Place)
		}
	}
	r.Err = errorOf(report)
}

// errorOf returns the error of a message, nil if it was published.
func errorOf(report *dispatch.Report) error {
	err := report.Err
	switch {
	case report.Latency > 0:
		err = &OverloadError{Latency: report.Latency, Err: err}
	case report.Content:
		return permanently(err)
	}
	if report.GaveUp && report.Attempts > 0 {
		return &GiveUpError{Attempts: report.Attempts, Cause: err, Last: report.Last}
	}
	return err
}

// attemptOf makes the public form of a failed attempt.
func (p *Publisher) attemptOf(f *dispatch.Failure) Attempt {
	return Attempt{
		MessageQueue: p.userQueue(f.Queue), Addr: f.Addr, Began: f.Began, Took: f.Took,
		Outcome: Outcome(f.Outcome), Err: f.Err,
	}
}

// offsetID returns the message's id in a list of offset message ids of an answer, that of
// the one at place of n. All in a list are of one length, since they name one broker.
func offsetID(list []byte, place, n int) []byte {
	if n == 0 {
		return nil
	}
	step := (len(list) + 1) / n
	if step*n != len(list)+1 {
		return nil // not the list of these messages
	}
	return list[place*step : (place+1)*step-1]
}

// userQueue is the queue as users of the publisher know it: with the topic's name
// without the namespace, as in the SendResult of the Java client.
func (p *Publisher) userQueue(queue routing.MessageQueue) routing.MessageQueue {
	if p.cfg.Cluster.Namespace != "" {
		queue.Topic = topicname.UnwrapNamespace(p.cfg.Cluster.Namespace, queue.Topic)
	}
	return queue
}

// userName is the name of a topic or group as users of the publisher know it:
// without the namespace.
func (p *Publisher) userName(name string) string {
	return topicname.UnwrapNamespace(p.cfg.Cluster.Namespace, name)
}
