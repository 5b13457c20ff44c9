package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The handles that a 5.5.0 broker made, and the Java client sent back.
func TestGoldenRecall(t *testing.T) {
	answer := mustParse(t, golden(t, "09_send_timer_resp_recallhandle"))
	place, err := headers.ParseStoredPlace(&answer)
	require.NoError(t, err)
	handle, err := headers.ParseRecallHandle(string(place.RecallHandle))
	require.NoError(t, err)
	require.Equal(t, headers.RecallHandle{
		Topic: "golden_topic", BrokerName: "broker-a", Timestamp: 1795443157001,
		UniqueKey: "FD00000000000000000000000000000241FA30946E0974587A710008",
	}, handle)
	require.Equal(t, string(place.RecallHandle), handle.String())
	result, err := headers.ParseSendResult(&answer)
	require.NoError(t, err)
	require.Equal(t, handle.String(), result.RecallHandle)

	request := mustParse(t, golden(t, "11_recall_370_req"))
	recall, err := headers.ParseRecallMessage(&request)
	require.NoError(t, err)
	handle.Timestamp, handle.UniqueKey = 1795443215001, "FD00000000000000000000000000000241FA30946E0974587A760009"
	require.Equal(t, headers.RecallMessage{
		ProducerGroup: "golden_pg", Topic: "golden_topic", BrokerName: "broker-a", Handle: handle.String(),
	}, recall)

	refusal := mustParse(t, golden(t, "12_recall_370_resp_code16"))
	require.ErrorIs(t, refusal.Err(), &headers.StatusError{Code: headers.NoPermission})
}

func TestRecallHandleWithoutPadding(t *testing.T) {
	want := headers.RecallHandle{Topic: "t", BrokerName: "b", Timestamp: 1, UniqueKey: "id"}
	text := want.String()
	require.Contains(t, text, "=")
	got, err := headers.ParseRecallHandle(text[:len(text)-1])
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestMalformedRecallHandles(t *testing.T) {
	for _, text := range []string{"", "%", "djE=", "djIgdCBiIDEgaWQ=", "djEgdCBiIHggaWQ=", "djEgIGIgMSBpZA=="} {
		_, err := headers.ParseRecallHandle(text)
		require.ErrorIs(t, err, headers.ErrMalformed, "%q", text)
	}
}

func TestRecallMessageNeedsItsFields(t *testing.T) {
	for _, h := range []headers.RecallMessage{{Topic: "t"}, {Handle: "h"}} {
		frame, err := headers.AppendRequest(nil, headers.JSON, 1, false, &h, nil)
		require.NoError(t, err)
		c, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
		require.NoError(t, err)
		_, err = headers.ParseRecallMessage(&c)
		require.ErrorIs(t, err, headers.ErrMalformed)
	}
}
