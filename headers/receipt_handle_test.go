package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestReceiptHandle(t *testing.T) {
	h := headers.ReceiptHandle{
		StartOffset: 5, PopTime: 1795444068528, InvisibleMillis: 3000, ReviveQueueID: 7, Retry: headers.RetryV2,
		BrokerName: "broker-a", QueueID: 3, Offset: 9,
	}
	const text = "5 1795444068528 3000 7 2 broker-a 3 9"
	require.Equal(t, text, h.String())
	for _, s := range []string{text, text + " 8364338", text + " -1"} {
		got, err := headers.ParseReceiptHandle(s)
		require.NoError(t, err)
		require.Equal(t, h, got)
	}
	// A broker takes any invisible time, and that of a changed ordered message may be less
	// than nothing.
	got, err := headers.ParseReceiptHandle("0 0 -5 999 0 b 2147483647 9223372036854775807")
	require.NoError(t, err)
	require.EqualValues(t, -5, got.InvisibleMillis)
	require.EqualValues(t, headers.OrderedReviveQueue, got.ReviveQueueID)
	require.EqualValues(t, 1<<31-1, got.QueueID)
}

func TestParseReceiptHandleMalformed(t *testing.T) {
	for _, text := range []string{
		"",
		" ",
		"5 1 3000 7 0 broker-a 3",
		"5 1 3000 7 0 broker-a 3 ",
		"5 1 3000 7 0 broker-a 3 9 8 7",
		"5 1 3000 7 0 broker-a 3 9 x",
		"5 1 3000 7 0 broker-a 3 9 ",
		"5 1 3000 7 0  3 9",
		"5  1 3000 7 0 broker-a 3 9",
		"-1 1 3000 7 0 broker-a 3 9",
		"x 1 3000 7 0 broker-a 3 9",
		"+5 1 3000 7 0 broker-a 3 9",
		"5 -1 3000 7 0 broker-a 3 9",
		"5 1 x 7 0 broker-a 3 9",
		"5 1 3000 -7 0 broker-a 3 9",
		"5 1 3000 2147483648 0 broker-a 3 9",
		"5 1 3000 7 3 broker-a 3 9",
		"5 1 3000 7 / broker-a 3 9",
		"5 1 3000 7 00 broker-a 3 9",
		"5 1 3000 7  broker-a 3 9",
		"5 1 3000 7 0 broker-a -3 9",
		"5 1 3000 7 0 broker-a 2147483648 9",
		"5 1 3000 7 0 broker-a 3 -9",
		"5 1 3000 7 0 broker-a 3 9223372036854775808",
		strings.Repeat("5 ", 1<<20),
		strings.Repeat("5", 1<<20),
	} {
		h, err := headers.ParseReceiptHandle(text)
		require.ErrorIs(t, err, headers.ErrMalformed, "%.100q", text)
		require.Zero(t, h)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestRetryKindTopic(t *testing.T) {
	require.Equal(t, "t", headers.RetryNone.Topic("g", "t"))
	require.Equal(t, "%RETRY%g_t", headers.RetryV1.Topic("g", "t"))
	require.Equal(t, "%RETRY%g+t", headers.RetryV2.Topic("g", "t"))
	require.Equal(t, "2", headers.RetryV2.String())
}

// The answer to the change of a message's invisible time, and the handle that it makes
// of the old one.
func TestGoldenChangedHandle(t *testing.T) {
	request, answer := mustParse(t, golden(t, "75_change_invisible_200053_req")), mustParse(t, golden(t, "76_change_invisible_200053_resp"))
	change, err := headers.ParseChangeInvisibleTime(&request)
	require.NoError(t, err)
	old, err := headers.ParseReceiptHandle(change.Handle)
	require.NoError(t, err)
	r, err := headers.ParseChangeInvisibleTimeResult(&answer)
	require.NoError(t, err)
	require.Equal(t, headers.ChangeInvisibleTimeResult{PopTime: 1795444062408, InvisibleMillis: 1000, ReviveQueueID: 7}, r)
	require.Equal(t, "1 1795444062408 1000 7 0 broker-a 0 1", old.Changed(r).String())

	frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.Success, "", &r, nil)
	require.NoError(t, err)
	require.Equal(t, fieldMap(answer.Fields), fieldMap(mustParse(t, frame).Fields))
	for _, name := range []string{"popTime", "invisibleTime", "reviveQid"} {
		list := headers.FieldList{{"popTime", "1"}, {"invisibleTime", "2"}, {"reviveQid", "3"}}
		for _, bad := range []headers.FieldList{without(list, name), append(without(list, name), headers.Field{Name: name, Value: "x"})} {
			c := commandOf(t, headers.JSON, headers.CodeChangeInvisibleTime, bad)
			_, err := headers.ParseChangeInvisibleTimeResult(&c)
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.ErrorContains(t, err, name)
		}
	}
}

func TestNotificationResult(t *testing.T) {
	for _, want := range []headers.NotificationResult{{}, {HasMessage: true}, {PollingFull: true}} {
		for _, s := range bothSerializations {
			frame, err := headers.AppendResponse(nil, s, 1, headers.Success, "", &want, nil)
			require.NoError(t, err)
			c := mustParse(t, frame)
			got, err := headers.ParseNotificationResult(&c)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	c := commandOf(t, headers.JSON, headers.CodeNotification, headers.FieldList{{"pollingFull", "true"}})
	_, err := headers.ParseNotificationResult(&c)
	require.ErrorIs(t, err, headers.ErrMalformed)
}

// FuzzReceiptHandle holds for any text: what is refused is malformed, and what is taken
// is the same when it is written and read again.
func FuzzReceiptHandle(f *testing.F) {
	f.Add("5 1795444068528 3000 7 2 broker-a 3 9")
	f.Add("0 0 -5 999 0 b 2147483647 9223372036854775807 -1")
	f.Add("7 7 7 7 0 other 0 7")
	f.Add("+5 1 3000 7 0 broker-a 3 9")
	f.Add("        ")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := headers.ParseReceiptHandle(text)
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.Zero(t, h)
			return
		}
		again, err := headers.ParseReceiptHandle(h.String())
		require.NoError(t, err)
		require.Equal(t, h, again)
	})
}
