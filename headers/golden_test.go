package headers_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// goldenFrame is one entry of testdata/golden/expected.json: what the captured
// frame says, written down when it was captured.
type goldenFrame struct {
	Name          string
	Serialization string
	Header        int
	Body          int
	Code          int32
	Flag          int32
	Opaque        int32
	Version       int32
	Language      string
	Remark        string
	Ext           map[string]string
}

func goldenFrames(t testing.TB) []goldenFrame {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "golden", "expected.json"))
	require.NoError(t, err)
	var frames []goldenFrame
	require.NoError(t, json.Unmarshal(raw, &frames))
	return frames
}

// golden returns the bytes of the captured frame of that name, length included.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	return readHex(t, filepath.Join("testdata", "golden", name+".hex"))
}

func readHex(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return frame
}

// parse decodes a whole frame the way transport does: length first.
func parse(frame []byte) (headers.Command, error) {
	size, err := headers.FrameSize([4]byte(frame), headers.MaxFrameSize)
	if err != nil {
		return headers.Command{}, err
	}
	return headers.ParseFrame(frame[4 : 4+size])
}

func mustParse(t testing.TB, frame []byte) headers.Command {
	t.Helper()
	c, err := parse(frame)
	require.NoError(t, err)
	return c
}

func fieldMap(f headers.Fields) map[string]string {
	m := map[string]string{}
	for name, value := range f.All() {
		m[string(name)] = string(value)
	}
	return m
}

func TestGoldenFrames(t *testing.T) {
	for _, want := range goldenFrames(t) {
		t.Run(want.Name, func(t *testing.T) {
			frame := golden(t, want.Name)
			require.Len(t, frame, 8+want.Header+want.Body)
			c := mustParse(t, frame)

			require.Equal(t, want.Serialization, c.Serialization.String())
			require.Equal(t, want.Code, c.Code)
			require.Equal(t, want.Flag, c.Flag)
			require.Equal(t, want.Flag&1 != 0, c.IsResponse())
			require.Equal(t, want.Flag&2 != 0, c.IsOneway())
			require.Equal(t, want.Opaque, c.Opaque)
			require.Equal(t, want.Version, int32(c.Version))
			require.Equal(t, want.Language, c.Language.String())
			require.Equal(t, want.Remark, string(c.Remark))
			require.Len(t, c.Body, want.Body)
			if want.Ext == nil {
				want.Ext = map[string]string{}
			}
			require.Equal(t, want.Ext, fieldMap(c.Fields))
			for name, value := range want.Ext {
				got, ok := c.Fields.Get(name)
				require.True(t, ok)
				require.Equal(t, value, string(got))
			}
		})
	}
}

// The expectations above and the decoder below were made apart from each other
// and from the package.
func TestGoldenFramesAgainstIndependentDecoder(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.hex"))
	require.NoError(t, err)
	require.Len(t, files, len(goldenFrames(t)), "each captured frame has its expectations")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			frame := readHex(t, file)
			want, err := decodeOracle(frame)
			require.NoError(t, err)
			c := mustParse(t, frame)
			require.Equal(t, want, oracleFrame{
				Serialization: c.Serialization.String(),
				Code:          c.Code,
				Flag:          c.Flag,
				Opaque:        c.Opaque,
				Version:       int32(c.Version),
				Language:      c.Language.String(),
				Remark:        string(c.Remark),
				Ext:           fieldMap(c.Fields),
				HeaderSize:    len(frame) - 8 - len(c.Body),
				Body:          append([]byte{}, c.Body...),
			})
		})
	}
}

func TestGoldenSendAnswers(t *testing.T) {
	const batchIDs = "7F00000100002A9F00000000007FA464,7F00000100002A9F00000000007FA531,7F00000100002A9F00000000007FA5FE"
	tests := map[string]headers.SendResult{
		"02_send_v2_json_resp": {
			OffsetMessageID: "7F00000100002A9F00000000007FA132", QueueID: 1, QueueOffset: 2,
			TransactionID: "FD00000000000000000000000000000241FA30946E097458770E0000",
		},
		"05_send_batch_320_resp": {
			OffsetMessageID: batchIDs, QueueID: 3, QueueOffset: 4,
			TransactionID: "FD00000000000000000000000000000241FA30946E0974587A610006",
		},
		"09_send_timer_resp_recallhandle": {
			OffsetMessageID: "7F00000100002A9F00000000007FA80D", QueueID: 1, QueueOffset: 2,
			TransactionID: "FD00000000000000000000000000000241FA30946E0974587A710008",
			RecallHandle:  "djEgZ29sZGVuX3RvcGljIGJyb2tlci1hIDE3OTU0NDMxNTcwMDEgRkQwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDI0MUZBMzA5NDZFMDk3NDU4N0E3MTAwMDg=",
		},
		"46_send_v2_binary_resp": {
			OffsetMessageID: "7F00000100008C47000000000000036D",
			TransactionID:   "FD0000000000000000000000000000025D7630946E09746368800000",
		},
		"68_send_binary_req_json_answer_resp": {
			OffsetMessageID: "7F00000100002A9F000000000080DA6B", QueueOffset: 5,
			TransactionID: "7F0000010001000000000000000000B1",
		},
		"81_v497_send_binary_resp": {OffsetMessageID: "7F000001000078BF00000000007F9656"},
		"82_v497_send_json_resp":   {OffsetMessageID: "7F000001000078BF00000000007F9704", QueueOffset: 1},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, golden(t, name))
			require.NoError(t, c.Err())
			got, err := headers.ParseSendResult(&c)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestGoldenErrorAnswers(t *testing.T) {
	for _, want := range goldenFrames(t) {
		if want.Flag != 1 || want.Code == 0 {
			continue
		}
		t.Run(want.Name, func(t *testing.T) {
			c := mustParse(t, golden(t, want.Name))
			var status *headers.StatusError
			require.ErrorAs(t, c.Err(), &status)
			require.Equal(t, headers.StatusError{Code: headers.ResponseCode(want.Code), Remark: want.Remark}, *status)
			_, err := headers.ParseSendResult(&c)
			require.ErrorIs(t, err, headers.ErrMalformed, "none of them is the answer to a stored message")
		})
	}
	c := mustParse(t, golden(t, "76_change_invisible_200053_resp"))
	require.Equal(t, "not set any response code", string(c.Remark))
	require.NoError(t, c.Err(), "a remark beside code 0 is no error")
}

// Frames that arrive in one buffer must not depend on what lies behind them.
func TestGoldenFramesDoNotReadPastTheirEnd(t *testing.T) {
	for _, want := range goldenFrames(t) {
		frame := golden(t, want.Name)
		c := mustParse(t, append(bytes.Clone(frame), `{"garbage":`...))
		require.Len(t, c.Body, want.Body, want.Name)
		_, err := headers.ParseFrame(frame[4 : 8+want.Header-1])
		require.ErrorIs(t, err, headers.ErrMalformed, want.Name)
	}
}
