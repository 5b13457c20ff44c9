package delays

import (
	"fmt"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Released is what becomes of a message when it has waited.
type Released struct {
	// Message is what is to be stored, but for its host.
	Message body.StoredMessage
	TagHash int32
	// Recall is what keeps a timer message back, if it was asked for.
	Recall  Recall
	IsTimer bool
}

// Release returns what becomes of a message that has waited until now
// (ScheduleMessageService.messageTimeUp and TimerMessageStore.convert of 5.5.0). All that
// made it wait stays on it.
func Release(parked *body.StoredMessage, now time.Time, five bool) (Released, error) {
	r := Released{Message: *parked}
	var set properties.Set
	set.Parse(parked.Properties, nil)
	queue, err := strconv.ParseInt(string(set.Get(headers.PropertyRealQueue)), 10, 32)
	if err != nil {
		return r, fmt.Errorf("queue of a message that has waited: %w", err)
	}
	r.Message.Topic, r.Message.QueueID = string(set.Get(headers.PropertyRealTopic)), int32(queue)
	r.TagHash = headers.HashCode(string(set.Get(headers.PropertyTags)))
	if r.IsTimer = set.Get(PropertyOut) != nil; r.IsTimer {
		r.Recall = Recall{Topic: r.Message.Topic, UniqueKey: string(set.Get(headers.PropertyUniqueKey)), Out: OutOf(parked.Properties)}
		second := Precision.Milliseconds()
		set.Set(PropertyEnqueued, strconv.FormatInt(parked.StoreTimestamp/second*second, 10))
		set.Set(PropertyDequeued, strconv.FormatInt(now.UnixMilli(), 10))
	}
	r.Message.Properties = set.Append(nil, five)
	return r, nil
}
