package consumers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// answer makes what a broker answers.
func answer(t *testing.T, code headers.ResponseCode, fields headers.FieldAppender) *headers.Command {
	frame, err := headers.AppendResponse(nil, headers.Binary, 0, code, "", fields, nil)
	require.NoError(t, err)
	command, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
	require.NoError(t, err)
	return &command
}

func TestPullsGoOnWhereTheAnswerSays(t *testing.T) {
	places := newPulls(meter.Task{Topic: topic, Group: "g", Queues: 2}, "broker-a")
	require.Len(t, places, 2)
	p := places[1].(*pulls)
	require.EqualValues(t, 1, p.header.QueueID)
	n, err := p.answer(answer(t, headers.Success, &headers.PullResult{NextOffset: 32, MaxOffset: 40}))
	require.NoError(t, err)
	require.Equal(t, 32, n)
	n, err = p.answer(answer(t, headers.PullRetryImmediately, nil))
	require.NoError(t, err)
	require.Zero(t, n)
	require.EqualValues(t, 32, p.request().(*headers.PullMessage).QueueOffset)
	_, err = p.answer(answer(t, headers.NoPermission, nil))
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.NoPermission})
	_, err = p.answer(answer(t, headers.Success, nil))
	require.ErrorIs(t, err, headers.ErrMalformed)
	_, err = p.answer(answer(t, headers.PullNotFound, nil))
	require.NoError(t, err)
	require.Nil(t, p.request())
}

func TestPopsCountMessagesOfAllQueues(t *testing.T) {
	places := newPops(meter.Task{Topic: topic, Group: "g", Queues: 8}, "broker-a")
	p := places[0].(*pops)
	rq := p.request().(*headers.PopMessage)
	require.Positive(t, rq.BornTimestamp)
	require.EqualValues(t, 32, rq.MaxMessages)
	n, err := p.answer(answer(t, headers.Success, &headers.PopResult{PopTime: 1, InvisibleMillis: 1, Queues: []headers.PopQueue{
		{QueueID: 1, StartOffset: 5, Offsets: []int64{5, 6}}, {QueueID: 3, StartOffset: 0, Offsets: []int64{0}},
	}}))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for _, code := range []headers.ResponseCode{headers.NoMessage, headers.PullNotFound, headers.PollingTimeout, headers.PollingFull} {
		n, err = p.answer(answer(t, code, nil))
		require.NoError(t, err)
		require.Zero(t, n)
	}
	_, err = p.answer(answer(t, headers.NoPermission, nil))
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.NoPermission})
	_, err = p.answer(answer(t, headers.Success, nil))
	require.ErrorIs(t, err, headers.ErrMalformed)
}
