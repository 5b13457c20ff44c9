package contest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// updateBrokerConfig is UPDATE_BROKER_CONFIG (RequestCode of 5.5.0), whose body
// has lines of properties.
type updateBrokerConfig struct{}

func (updateBrokerConfig) RequestCode() headers.RequestCode { return 25 }

func (updateBrokerConfig) AppendFields(dst []byte, _ headers.Serialization) []byte { return dst }

// clean has the real broker delete all files that are full, which takes it some
// seconds, until the store is smaller than small.
//
// It does so only while nothing is being sent. A broker enters messages into its
// queues some time after it has answered, and does not mind whether it has done so
// with a file when it deletes it: messages would be missing from the count.
func (b *stand) clean(ctx context.Context, small int64) (err error) {
	if _, err := b.AwaitSettled(ctx); err != nil {
		return err
	}
	if err := b.deleteWhen(ctx, everyHour()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.deleteWhen(ctx, farHour())) }()
	deadline := time.Now().Add(cleanPatience)
	for {
		size, err := folderSize(b.Store)
		if err != nil || size < small {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("contest: the broker's store still has %d MiB, want less than %d", size>>20, small>>20)
		}
		if err := broker.Pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// deleteWhen sets the hours of the day in which the broker deletes files.
func (b *stand) deleteWhen(ctx context.Context, hours string) error {
	_, err := b.Ask(ctx, updateBrokerConfig{}, []byte("deleteWhen="+hours+"\n"))
	if err != nil {
		return fmt.Errorf("contest: deleteWhen: %w", err)
	}
	return nil
}

// everyHour is all hours, farHour one that no run lasts until.
func everyHour() string {
	var hours []string
	for h := range 24 {
		hours = append(hours, fmt.Sprintf("%02d", h))
	}
	return strings.Join(hours, ";")
}

func farHour() string { return fmt.Sprintf("%02d", (time.Now().Hour()+12)%24) }
