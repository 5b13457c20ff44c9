package publisher

import (
	"errors"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// judge is the verdict on the failure of an attempt: that of package verdict, but for the
// errors that are made here.
func judge(err error) verdict.Verdict {
	if _, marked := verdict.Marked(err); marked || verdict.Refusal(err) != nil {
		return verdict.Of(err)
	}
	var level *DelayLevelError
	var large *MessageTooLargeError
	var unsupported *rocketmq.UnsupportedError
	var selector *routing.SelectorError
	var unreadable *answerError
	switch {
	case errors.As(err, &level), errors.As(err, &large):
		return verdict.Verdict{Content: true}
	case errors.As(err, &unsupported), errors.As(err, &selector):
		return verdict.Verdict{}
	case errors.As(err, &unreadable):
		return verdict.Verdict{Outcome: verdict.MayBeStored, Broker: verdict.Answered}
	}
	return verdict.Of(err)
}

// answerError is an answer that says the message is stored but cannot be read,
// as no RocketMQ broker sends it.
type answerError struct{ err error }

func (e *answerError) Error() string { return "broker's answer cannot be read: " + e.err.Error() }

func (e *answerError) Unwrap() error { return e.err }
