package headers_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestFrameSize(t *testing.T) {
	tests := []struct {
		name   string
		length string
		size   int
		err    string
	}{
		{"smallest", "\x00\x00\x00\x04", 4, ""},
		{"largest", "\x00\xff\xff\xfc", headers.MaxFrameSize - 4, ""},
		{"one over", "\x00\xff\xff\xfd", 0, "over the limit of 16777212"},
		{"zero", "\x00\x00\x00\x00", 0, "frame length 0, want at least 4"},
		{"no room for the header length", "\x00\x00\x00\x03", 0, "frame length 3, want at least 4"},
		{"negative", "\xff\xff\xff\xff", 0, "frame length -1,"},
		{"most negative", "\x80\x00\x00\x00", 0, "frame length -2147483648,"},
		{"most positive", "\x7f\xff\xff\xff", 0, "over the limit"},
		{"HTTP", "HTTP", 0, "an HTTP server answered"},
		{"SSH", "SSH-", 0, "an SSH server answered"},
		{"TLS alert", "\x15\x03\x03\x00", 0, "the peer speaks TLS"},
		{"TLS handshake", "\x16\x03\x01\x02", 0, "the peer speaks TLS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			size, err := headers.FrameSize([4]byte([]byte(test.length)), headers.MaxFrameSize)
			require.Equal(t, test.size, size)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.ErrorContains(t, err, test.err)
		})
	}
}

func TestFrameSizeGuessesOnlyWhereItKnows(t *testing.T) {
	for _, length := range []string{"HTTQ", "\x16\x02\x01\x02", "\x17\x03\x03\x00", "\xff\xff\xff\xff"} {
		_, err := headers.FrameSize([4]byte([]byte(length)), headers.MaxFrameSize)
		require.ErrorIs(t, err, headers.ErrMalformed)
		require.NotContains(t, err.Error(), "(", "%q", length)
	}
}

func TestFrameSizeWithALargerLimit(t *testing.T) {
	largest := min(math.MaxInt32, math.MaxInt-headers.FrameLengthSize) // where an int has 32 bits it has to hold the length too
	size, err := headers.FrameSize([4]byte(binary.BigEndian.AppendUint32(nil, uint32(largest))), math.MaxInt)
	require.NoError(t, err)
	require.Equal(t, largest, size)
}

func TestAppendKeepsWhatWasThere(t *testing.T) {
	h := fullSend()
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		alone, err := headers.AppendRequest(nil, s, 1, false, &h, []byte("body"))
		require.NoError(t, err)
		// The '{' must not be taken for the start of an object.
		both, err := headers.AppendRequest([]byte("before{"), s, 1, false, &h, []byte("body"))
		require.NoError(t, err)
		require.Equal(t, "before{"+string(alone), string(both))
	}
}

func TestAppendTooLarge(t *testing.T) {
	const limit = 1<<24 - 1
	request := func(valueSize int) command {
		return command{1, headers.FieldList{{"x", strings.Repeat("y", valueSize)}}}
	}
	for _, s := range bothSerializations {
		smallest, err := headers.AppendRequest(nil, s, 1, false, request(1), nil)
		require.NoError(t, err)
		room := limit - (len(smallest) - 8) + 1

		frame, err := headers.AppendRequest([]byte("before"), s, 1, false, request(room), []byte("body"))
		require.NoError(t, err)
		require.Equal(t, 6+8+limit+4, len(frame))
		c, err := headers.ParseFrame(frame[6+4:])
		require.NoError(t, err)
		require.Equal(t, "body", string(c.Body))

		frame, err = headers.AppendRequest([]byte("before"), s, 1, false, request(room+1), nil)
		require.ErrorIs(t, err, headers.ErrTooLarge)
		require.Equal(t, "before", string(frame))
	}
	frame, err := headers.AppendResponse([]byte("before"), headers.Binary, 1, headers.Success, strings.Repeat("y", limit), nil, nil)
	require.ErrorIs(t, err, headers.ErrTooLarge)
	require.Equal(t, "before", string(frame))
}

// A code that the binary header's signed 16 bits do not hold must not be cut.
func TestAppendCodesThatOnlyJSONHolds(t *testing.T) {
	for _, code := range []int32{0, 310, math.MaxInt16, math.MinInt16} {
		frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, command{code: headers.RequestCode(code)}, nil)
		require.NoError(t, err)
		c := mustParse(t, frame)
		require.Equal(t, headers.Binary, c.Serialization)
		require.Equal(t, code, c.Code)
	}
	for _, code := range []int32{math.MaxInt16 + 1, 200050, math.MaxInt32, math.MinInt16 - 1, math.MinInt32} {
		frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, command{code: headers.RequestCode(code)}, nil)
		require.NoError(t, err)
		c := mustParse(t, frame)
		require.Equal(t, headers.JSON, c.Serialization)
		require.Equal(t, code, c.Code)

		frame, err = headers.AppendResponse(nil, headers.Binary, 1, headers.ResponseCode(code), "", nil, nil)
		require.NoError(t, err)
		c = mustParse(t, frame)
		require.Equal(t, headers.JSON, c.Serialization)
		require.Equal(t, code, c.Code)
	}
}

// No peer could read a header of a serialization that does not exist.
func TestAppendRefusesUnknownSerialization(t *testing.T) {
	frame, err := headers.AppendRequest([]byte("before"), headers.Serialization(7), 1, false, command{code: 1}, nil)
	require.ErrorContains(t, err, "serialization 7")
	require.Equal(t, "before", string(frame))
	frame, err = headers.AppendResponse([]byte("before"), headers.Serialization(2), 1, headers.Success, "", nil, nil)
	require.ErrorContains(t, err, "serialization 2")
	require.Equal(t, "before", string(frame))
}

func TestResponse(t *testing.T) {
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		frame, err := headers.AppendResponse(nil, s, -5, headers.SystemBusy, "later, \"please\"", headers.FieldList{{"TRACE_ON", "true"}}, []byte{})
		require.NoError(t, err)
		c := mustParse(t, frame)
		require.True(t, c.IsResponse())
		require.False(t, c.IsOneway())
		require.Equal(t, int32(-5), c.Opaque)
		require.Equal(t, "later, \"please\"", string(c.Remark))
		require.Equal(t, map[string]string{"TRACE_ON": "true"}, fieldMap(c.Fields))
		require.Nil(t, c.Body)
		require.ErrorIs(t, c.Err(), &headers.StatusError{Code: headers.SystemBusy})
	}
}
