package embedded_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Messages of one delay level keep their order, also those that are due at once.
func TestDelayedMessagesKeepTheirOrder(t *testing.T) {
	versions := []caseVersion{{"5.5.0", headers.Version5_5_0}, {"4.9.7", headers.Version4_9_7}}
	runCases(t, versions, []brokerCase{{name: "of a level", run: func(w *popWorld) {
		var want []string
		for i := range 32 {
			want = append(want, fmt.Sprint(i))
			w.succeed(&headers.SendMessage{
				ProducerGroup: "producers", Topic: w.topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
				BornTimestamp: time.Now().UnixMilli(), Properties: headers.AppendProperty(nil, headers.PropertyDelayLevel, "1"),
			}, []byte(want[i]))
		}
		w.eventually(func() bool { return w.number(headers.CodeMaxOffset, w.topic, 0) == int64(len(want)) })
		_, list := w.pull(w.topic, 0, 0)
		require.Equal(w.t, want, contents(list))
	}}})
}
