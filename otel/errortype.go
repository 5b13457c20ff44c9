package otelrocketmq

import (
	"context"
	"errors"
	"go/token"
	"reflect"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// errorClass is an error that has many instances, and the value of error.type for them.
type errorClass struct {
	err  error
	name string
}

// Values of error.type for deliveries.
const (
	typeNack     = "nack"
	typeReleased = "released"
	typeTimeout  = "timeout"
)

// publishClass returns the name of the class of an error, empty if it is of none.
func publishClass(err error) string {
	classes := [...]errorClass{
		{publisher.ErrNotAttempted, "not_attempted"},
		{publisher.ErrClosed, "closed"},
		{publisher.ErrWaitingFull, "overloaded"},
		{publisher.ErrSendTimeout, typeTimeout},
		{publisher.ErrAttemptTimeout, typeTimeout},
		{context.DeadlineExceeded, typeTimeout},
		{context.Canceled, "canceled"},
	}
	for _, class := range classes {
		if errors.Is(err, class.err) {
			return class.name
		}
	}
	return ""
}

// publishErrorType returns the class of a message's or an attempt's error, of which there
// are few.
func publishErrorType(err error) string {
	if err == nil {
		return ""
	}
	var (
		gaveUp   *publisher.GiveUpError
		overload *publisher.OverloadError
		answer   *headers.StatusError
		wait     *routing.WaitError
		op       *transport.OpError
	)
	if errors.As(err, &gaveUp) {
		err = gaveUp.Cause
	}
	switch {
	case errors.As(err, &overload):
		return "overloaded"
	case errors.As(err, &answer):
		return answer.Code.String()
	}
	if name := publishClass(err); name != "" {
		return name
	}
	switch {
	case errors.As(err, &wait):
		return "no_route"
	case errors.As(err, &op):
		return "connection"
	}
	return goType(err)
}

// goType is the name of an error's type, as semconv.ErrorType has it. Types that a package
// keeps to itself, and which wrap others, say nothing of the failure.
func goType(err error) string {
	for {
		wrapped := errors.Unwrap(err)
		if wrapped == nil || !private(err) {
			return semconv.ErrorType(err).Value.AsString()
		}
		err = wrapped
	}
}

func private(err error) bool {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return !token.IsExported(t.Name())
}

// deliveryErrorType says why a delivery has ended without an answer, or cannot be answered
// any more.
func deliveryErrorType(err error, otherwise string) string {
	switch {
	case errors.Is(err, subscriber.ErrProcessingTime):
		return typeTimeout
	case errors.Is(err, subscriber.ErrLeaseLost):
		return "lease_lost"
	case errors.Is(err, subscriber.ErrQueueLost):
		return "queue_lost"
	}
	return otherwise
}

func errorType(name string) attribute.KeyValue { return semconv.ErrorTypeKey.String(name) }
