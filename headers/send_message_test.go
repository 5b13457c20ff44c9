package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestSendMessageRoundTrip(t *testing.T) {
	tests := map[string]headers.SendMessage{
		"full":  fullSend(),
		"batch": fullBatch(),
		"least": {Topic: "topic"},
		"zero":  {},
		"retry with a limit of 0": {
			Topic: "%RETRY%group", HasMaxReconsumeTimes: true,
		},
		"negative": {QueueID: -1, SysFlag: -1, BornTimestamp: -1, Flag: -1, ReconsumeTimes: -1, DefaultTopicQueues: -1},
	}
	for name, want := range tests {
		for _, s := range bothSerializations {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				frame, err := headers.AppendRequest(nil, s, 1, false, &want, []byte("body"))
				require.NoError(t, err)
				c := mustParse(t, frame)
				require.Equal(t, want.RequestCode(), headers.RequestCode(c.Code))
				got, err := headers.ParseSendMessage(&c)
				require.NoError(t, err)
				require.Equal(t, want, got)

				clear(frame)
				require.Equal(t, want, got, "the result owns its memory")
			})
		}
	}
}

// SEND_MESSAGE, the first version, has long names.
func TestParseSendMessageLongNames(t *testing.T) {
	long := headers.FieldList{
		{"producerGroup", "group"},
		{"topic", "topic"},
		{"defaultTopic", "TBW102"},
		{"defaultTopicQueueNums", "4"},
		{"queueId", "5"},
		{"sysFlag", "513"},
		{"bornTimestamp", "1795443154703"},
		{"flag", "7"},
		{"properties", string(fullSend().Properties)},
		{"reconsumeTimes", "9"},
		{"unitMode", "true"},
		{"maxReconsumeTimes", "11"},
		{"batch", "false"},
		{"bname", "broker-a"},
		{"a", "not looked at"},
	}
	for _, s := range bothSerializations {
		c := commandOf(t, s, headers.CodeSendMessage, long)
		got, err := headers.ParseSendMessage(&c)
		require.NoError(t, err)
		require.Equal(t, fullSend(), got)

		c = commandOf(t, s, headers.CodeSendMessageV2, long[:14])
		got, err = headers.ParseSendMessage(&c)
		require.NoError(t, err)
		require.Equal(t, headers.SendMessage{}, got, "the names belong to the code")
	}
}

func TestParseSendMessageBooleansAreJavas(t *testing.T) {
	c := commandOf(t, headers.Binary, headers.CodeSendMessageV2, headers.FieldList{{"k", "True"}, {"m", "TRUE"}})
	got, err := headers.ParseSendMessage(&c)
	require.NoError(t, err)
	require.True(t, got.UnitMode)
	require.True(t, got.Batch)
}

func TestParseSendMessageMalformed(t *testing.T) {
	for _, name := range []string{"d", "e", "f", "g", "h", "j", "l"} {
		for _, value := range []string{"x", "1.5", "9223372036854775808"} {
			c := commandOf(t, headers.JSON, headers.CodeSendMessageV2, headers.FieldList{{name, value}})
			got, err := headers.ParseSendMessage(&c)
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.ErrorContains(t, err, "field "+name)
			require.Equal(t, headers.SendMessage{}, got)
		}
	}
	c := commandOf(t, headers.JSON, headers.CodeSendMessage, headers.FieldList{{"queueId", "x"}})
	_, err := headers.ParseSendMessage(&c)
	require.ErrorContains(t, err, "field queueId")
}

func TestSendResultRoundTrip(t *testing.T) {
	tests := map[string]headers.SendResult{
		"5.x":  {OffsetMessageID: "7F00", QueueID: 3, QueueOffset: 1 << 40, TransactionID: "7F01"},
		"4.9":  {OffsetMessageID: "7F00"},
		"bare": {},
	}
	for name, want := range tests {
		for _, s := range bothSerializations {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				frame, err := headers.AppendResponse(nil, s, 1, headers.Success, "", &want, nil)
				require.NoError(t, err)
				c := mustParse(t, frame)
				got, err := headers.ParseSendResult(&c)
				require.NoError(t, err)
				clear(frame)
				require.Equal(t, want, got)
			})
		}
	}
}

func TestParseSendResultMalformed(t *testing.T) {
	tests := map[string]headers.FieldList{
		"without queueId or queueOffset":            {{"msgId", "7F00"}},
		"send answer without":                       {{"queueId", "1"}},
		"answer without queueId":                    {{"queueOffset", "1"}},
		`field queueId is "x"`:                      {{"queueId", "x"}, {"queueOffset", "1"}},
		`field queueId is "2147483648"`:             {{"queueId", "2147483648"}, {"queueOffset", "1"}},
		`field queueOffset is "1.5", want a 64-bit`: {{"queueId", "1"}, {"queueOffset", "1.5"}},
	}
	for text, list := range tests {
		c := commandOf(t, headers.JSON, 0, list)
		got, err := headers.ParseSendResult(&c)
		require.ErrorIs(t, err, headers.ErrMalformed)
		require.ErrorContains(t, err, text)
		require.Equal(t, headers.SendResult{}, got)
	}
}

func commandOf(t testing.TB, s headers.Serialization, code headers.RequestCode, list headers.FieldList) headers.Command {
	t.Helper()
	frame, err := headers.AppendRequest(nil, s, 1, false, command{code, list}, nil)
	require.NoError(t, err)
	return mustParse(t, frame)
}
