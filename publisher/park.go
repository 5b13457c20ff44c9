package publisher

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Park returns a decorator that hands messages which can never be published as they
// are (ErrPermanent) to park, one by one, and publishes the others. Such a message is
// done with when park returns nil. So a Watermill router, which does again what
// brought an error, goes on to the next message:
//
//	router.AddPublisherDecorators(publisher.Park(park))
//
// For a poison queue, requeuer or forwarder, decorate the Publisher that it is given:
//
//	parked, err := publisher.Park(park)(pub)
//
// park has to keep the message where RocketMQ's limits do not count: in a file, a
// database, an object store. topic and msg are those of the call, and reason is
// the Result.Err of the message. It runs on the goroutine that publishes, so it may
// run many times at once, and may be given the same message again, as Watermill
// delivers at least once. If it returns an error, Publish returns that, wrapped, and
// nothing more of the call is published.
//
// If a message of the call has failed in another way, nothing is parked, and Publish
// returns the error as it is: the whole call is to be made again. The decorator does
// nothing with errors that are not of a Publisher of this package.
func Park(park func(topic string, msg *message.Message, reason error) error) message.PublisherDecorator {
	return func(pub message.Publisher) (message.Publisher, error) {
		if park == nil {
			return nil, errors.New("publisher: Park: the function is nil")
		}
		return &parking{Publisher: pub, park: park}, nil
	}
}

// parking is a Publisher that parks.
type parking struct {
	message.Publisher
	park func(topic string, msg *message.Message, reason error) error
}

// Publish goes on with the messages that were not tried, until all are published or
// parked, or one fails. Each round parks one message at least.
func (p *parking) Publish(topic string, messages ...*message.Message) error {
	for {
		err := p.Publisher.Publish(topic, messages...)
		if err == nil {
			return nil
		}
		var failed *Error
		if !errors.As(err, &failed) || len(failed.Results) != len(messages) || !failed.onlyPermanent() {
			return err
		}
		var rest []*message.Message
		for i := range failed.Results {
			switch reason := failed.Results[i].Err; {
			case reason == nil:
			case isBystander(reason):
				rest = append(rest, messages[i])
			default:
				if err := p.park(topic, messages[i], reason); err != nil {
					return fmt.Errorf("publisher: cannot park message %q to topic %q: %w", failed.Results[i].UUID, topic, err)
				}
			}
		}
		if len(rest) == 0 {
			return nil
		}
		messages = rest
	}
}

// onlyPermanent reports whether messages of the call have failed for good and none
// has failed in another way.
func (e *Error) onlyPermanent() bool {
	any := false
	for i := range e.Results {
		err := e.Results[i].Err
		switch {
		case err == nil || isBystander(err):
		case !errors.Is(err, ErrPermanent):
			return false
		default:
			any = true
		}
	}
	return any
}
