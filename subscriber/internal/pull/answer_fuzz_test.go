package pull

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// storedIn returns messages as a broker sends them.
func storedIn(t testing.TB, queue int32, offsets ...int64) []byte {
	t.Helper()
	var raw []byte
	for _, offset := range offsets {
		var err error
		raw, err = body.AppendStored(raw, &body.StoredMessage{
			Topic: topic, QueueID: queue, QueueOffset: offset, Body: []byte("x"), Properties: []byte("TAGS\x01paid\x02"),
		})
		require.NoError(t, err)
	}
	return raw
}

// FuzzParseAnswer: whatever a broker answers, either nothing of it is used, or it moves the
// queue forward to where it says, over messages that are between.
func FuzzParseAnswer(f *testing.F) {
	good := storedIn(f, 3, 7, 8, 10)
	f.Add(int32(headers.Success), int64(7), int64(11), int64(0), int64(20), good, "")
	f.Add(int32(headers.Success), int64(7), int64(11), int64(0), int64(20), good[:len(good)-1], "")
	f.Add(int32(headers.Success), int64(7), int64(10), int64(0), int64(20), good, "")
	f.Add(int32(headers.Success), int64(8), int64(11), int64(0), int64(20), good, "")
	f.Add(int32(headers.Success), int64(7), int64(99), int64(0), int64(20), good, "paid || free")
	f.Add(int32(headers.Success), int64(7), int64(8), int64(0), int64(20), storedIn(f, 2, 7), "")
	f.Add(int32(headers.Success), int64(7), int64(9), int64(0), int64(20), storedIn(f, 3, 8, 7), "free")
	f.Add(int32(headers.Success), int64(7), int64(7), int64(0), int64(20), []byte{}, "")
	f.Add(int32(headers.PullNotFound), int64(7), int64(7), int64(0), int64(7), []byte{}, "")
	f.Add(int32(headers.PullNotFound), int64(7), int64(6), int64(0), int64(7), []byte{}, "")
	f.Add(int32(headers.PullRetryImmediately), int64(7), int64(1<<40), int64(0), int64(7), []byte{}, "")
	f.Add(int32(headers.PullOffsetMoved), int64(7), int64(-1), int64(0), int64(7), []byte{}, "")
	f.Add(int32(headers.NoPermission), int64(7), int64(0), int64(0), int64(0), []byte{}, "")
	f.Fuzz(func(t *testing.T, code int32, asked, next, lowest, highest int64, raw []byte, tags string) {
		filter, err := headers.NewSubscription(topic, tags, 1)
		if err != nil || asked < 0 {
			return
		}
		frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.ResponseCode(code), "", &headers.PullResult{NextOffset: next, MinOffset: lowest, MaxOffset: highest}, raw)
		if err != nil {
			return
		}
		cmd, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
		require.NoError(t, err)
		q := routing.MessageQueue{Topic: topic, BrokerName: "broker-a", QueueID: 3}
		a, err := parseAnswer(&cmd, q, asked, &filter)
		if err != nil {
			require.Empty(t, a.messages)
			return
		}
		switch a.code {
		case headers.Success:
			require.Greater(t, a.result.NextOffset, asked)
		case headers.PullOffsetMoved:
			require.GreaterOrEqual(t, a.result.NextOffset, int64(0))
		default:
			require.GreaterOrEqual(t, a.result.NextOffset, asked)
		}
		last := asked - 1
		for _, m := range a.messages {
			require.EqualValues(t, 3, m.Stored.QueueID)
			require.Greater(t, m.Stored.QueueOffset, last)
			require.Less(t, m.Stored.QueueOffset, a.result.NextOffset)
			last = m.Stored.QueueOffset
		}
	})
}

func TestParseAnswer(t *testing.T) {
	q := routing.MessageQueue{Topic: topic, BrokerName: "broker-a", QueueID: 3}
	parse := func(code headers.ResponseCode, asked, next, highest int64, raw []byte, tags string) (answer, error) {
		filter, err := headers.NewSubscription(topic, tags, 1)
		require.NoError(t, err)
		frame, err := headers.AppendResponse(nil, headers.JSON, 1, code, "", &headers.PullResult{NextOffset: next, MaxOffset: highest}, raw)
		require.NoError(t, err)
		cmd, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
		require.NoError(t, err)
		return parseAnswer(&cmd, q, asked, &filter)
	}
	a, err := parse(headers.Success, 7, 12, 20, storedIn(t, 3, 7, 8, 10), "")
	require.NoError(t, err)
	require.Len(t, a.messages, 3)
	require.Equal(t, 1, a.messages[0].Deliveries)
	require.Equal(t, "broker-a", a.messages[0].Broker)
	a, err = parse(headers.Success, 7, 12, 20, storedIn(t, 3, 7, 8, 10), "free || paid")
	require.NoError(t, err)
	require.Len(t, a.messages, 3)
	a, err = parse(headers.Success, 7, 12, 20, storedIn(t, 3, 7, 8, 10), "free")
	require.NoError(t, err)
	require.Empty(t, a.messages, "the tag has the same hash code, perhaps")
	for name, bad := range map[string][]byte{
		"cut": storedIn(t, 3, 7, 8)[:150], "another queue": storedIn(t, 2, 7), "before": storedIn(t, 3, 6), "back": storedIn(t, 3, 9, 8),
		"twice": storedIn(t, 3, 8, 8), "none": nil, "beyond": storedIn(t, 3, 12),
	} {
		a, err := parse(headers.Success, 7, 12, 20, bad, "")
		var broken *AnswerError
		require.ErrorAs(t, err, &broken, name)
		require.ErrorIs(t, err, headers.ErrMalformed, name)
		require.Empty(t, a.messages, name)
	}
	// Brokers before 5.0 look at messages that have come since they have looked at the end.
	_, err = parse(headers.Success, 7, 30, 20, storedIn(t, 3, 7, 8, 10), "")
	require.NoError(t, err)
	_, err = parse(headers.PullRetryImmediately, 7, 30, 20, nil, "")
	require.NoError(t, err)
	_, err = parse(headers.PullRetryImmediately, 7, 7+maxScan+1, 20, nil, "")
	require.ErrorIs(t, err, headers.ErrMalformed, "further than brokers look")
	_, err = parse(headers.PullNotFound, 7, 30, 20, nil, "")
	require.ErrorIs(t, err, headers.ErrMalformed, "nothing to look at")
	_, err = parse(headers.PullNotFound, 7, 6, 20, nil, "")
	require.ErrorIs(t, err, headers.ErrMalformed, "back without a reason")
	_, err = parse(headers.NoPermission, 7, 0, 0, nil, "")
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.NoPermission})
}
