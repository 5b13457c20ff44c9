package publisher

import "errors"

// ErrPermanent is in the error of a message that can never be published as it is:
// its content, its size, its metadata, its topic's name or a combination of
// features is the reason, whether the publisher found that out or a broker refused
// the message for it. To publish it again brings the same error. The message has
// to be changed, or parked: see Park.
//
//	errors.Is(err, publisher.ErrPermanent)
//
// answers for Result.Err, and for the error of Publish, PublishAsync and
// PublishOneway, of BeginTransaction and PublishInTransaction, of CreateTopic, and
// of Recall. Where a call had several messages, its *Error matches if one of them
// can never be published, since the whole call then never can; the Err of each
// Result says which.
//
// Not permanent is an error whose reason lies elsewhere and can be mended there
// while the message stays as it is: a topic that does not exist or is of another
// message type, a missing permission, credentials, certificates, brokers that are
// down, full, read-only, too old or without timers, a time-out, a context that has
// ended, a publisher that is closed or lacks Config.OnResult or
// Config.Transaction.Check. An answer that is not known counts as one of these.
//
// Whether the message may be stored nevertheless, by an attempt before, is another
// question, which Outcome answers.
var ErrPermanent = errors.New("the message can never be published as it is")

// permanent makes an error match ErrPermanent, and leaves its text and what it wraps
// as they are.
type permanent struct{ err error }

// permanently marks err.
func permanently(err error) error { return &permanent{err} }

func (e *permanent) Error() string { return e.err.Error() }

func (e *permanent) Unwrap() error { return e.err }

func (e *permanent) Is(target error) bool { return target == ErrPermanent }
