package publisher

import "github.com/ThreeDotsLabs/watermill/message"

// PublishOneway sends the messages without asking the broker for an answer, for
// data that may be lost, such as metrics. It returns when the last is handed to
// the network.
//
// Nil means no more than that: the operating system has taken the bytes. A broker
// that is busy, that has no such topic, or that refuses the message drops it
// without a word (a receiver must not answer a one-way request:
// NettyRemotingAbstract.processRequestCommand, 5.5.0), and what is on its way is
// lost with the connection. So Result.Outcome is MayBeStored at best and never
// Stored, and there is no queue offset and no message trace.
//
// What is known before the network has the message is the same as for Publish, and
// so are Config.OnResult, contexts, Config.SendTimeout and Config.Waiting: a
// message that cannot be sent is refused with an *Error, and one that was surely
// not sent, because no connection could be made, is tried again. One that may have
// been sent is not.
//
// Messages of one call, and of calls that come while others are being written, may
// share a request, and go to the queues in turn, as with Publish. Ordering keys and
// transactions need answers: messages that have one are refused with a
// *CombinationError. Oneway returns a message.Publisher for those who want one.
func (p *Publisher) PublishOneway(topic string, messages ...*message.Message) error {
	return p.send(topic, messages, mode{oneway: true})
}
