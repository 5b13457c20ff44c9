package peers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestAnswered(t *testing.T) {
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		frame, err := headers.AppendResponse(nil, s, 123456789, headers.Success, "", &headers.SendResult{OffsetMessageID: "A,B"}, nil)
		require.NoError(t, err)
		opaque, refusal, err := answered(frame[headers.FrameLengthSize:])
		require.NoError(t, err)
		require.NoError(t, refusal)
		require.EqualValues(t, 123456789, opaque)

		frame, err = headers.AppendResponse(nil, s, 7, headers.SystemBusy, "busy", nil, nil)
		require.NoError(t, err)
		opaque, refusal, err = answered(frame[headers.FrameLengthSize:])
		require.NoError(t, err)
		require.ErrorIs(t, refusal, &headers.StatusError{Code: headers.SystemBusy})
		require.EqualValues(t, 7, opaque)
	}
	_, _, err := answered([]byte{0, 0, 0, 1, '{'})
	require.ErrorIs(t, err, headers.ErrMalformed)
}
