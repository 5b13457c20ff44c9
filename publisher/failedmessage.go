package publisher

import (
	"errors"
	"time"

	wmdelay "github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/failed"
)

// fitter changes messages so that they fit.
type fitter struct {
	marshal appendFunc
	// longestDelay is Config.Delay.Max.
	longestDelay time.Duration
}

// fit returns a copy of a message that was refused for what Watermill's components
// have added to it, changed there so that it fits, and says what was changed. It
// returns nil if that is not the reason. What is the user's is never changed.
func (f fitter) fit(topic string, msg *message.Message, refusal error, now time.Time) (fitting *message.Message, change string) {
	var properties *marshaler.PropertiesTooLargeError
	var long *DelayTooLongError
	switch {
	case errors.As(refusal, &properties):
		return failed.CutDiagnostics(msg, properties, func(m *message.Message) (int, error) { return f.marshaledSize(topic, m) }), "Cut the error text in the metadata of a message to what RocketMQ takes"
	case failed.HasFailed(msg) && errors.As(refusal, &long):
		// The time has whole seconds, and counts as the end of its second.
		until := now.Add(f.longestDelay - 2*time.Second)
		return failed.Changed(msg, func(metadata message.Metadata) {
			metadata[wmdelay.DelayedUntilKey] = until.UTC().Format(time.RFC3339)
			metadata[wmdelay.DelayedForKey] = f.longestDelay.String()
		}), "Shortened the delay of a failed message to Config.Delay.Max"
	}
	return nil, ""
}

// marshaledSize is how many bytes of properties the marshaler makes of a message.
func (f fitter) marshaledSize(topic string, msg *message.Message) (int, error) {
	m, err := f.marshal(nil, topic, msg)
	return marshaler.PropertiesSize(m.Properties), err
}
