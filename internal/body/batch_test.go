package body

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TestGoldenBatch reads batches of the Java client and writes them anew.
func TestGoldenBatch(t *testing.T) {
	for name, want := range map[string][]string{
		"04_send_batch_320_req.hex":    {"batch-0", "batch-1", "batch-2"},
		"47_send_batch_binary_req.hex": {"b0", "b1"},
	} {
		frame := readFrame(t, name)
		messages, err := ParseBatch(frame.Body)
		require.NoError(t, err)
		require.Len(t, messages, len(want))
		var again []byte
		for i, m := range messages {
			require.Equal(t, want[i], string(m.Body))
			require.Zero(t, m.Flag)
			found := make(map[string]string)
			for name, value := range headers.Properties(m.Properties) {
				found[string(name)] = string(value)
			}
			require.Equal(t, "TagB", found["TAGS"])
			require.Len(t, found["UNIQ_KEY"], 56)
			before := len(again)
			again, err = AppendBatchMessage(again, m.Flag, m.Body, m.Properties)
			require.NoError(t, err)
			require.Equal(t, len(again)-before, BatchMessageSize(m.Body, m.Properties))
		}
		require.Equal(t, frame.Body, again)
	}
}

func TestBatchRoundTrip(t *testing.T) {
	want := []BatchMessage{
		{Flag: -1, Body: []byte("one"), Properties: []byte("a\x01b\x02")},
		{Body: []byte{}, Properties: []byte{}},
		{Flag: 7, Body: make([]byte, 1000), Properties: make([]byte, headers.MaxPropertiesSize)},
	}
	var batch []byte
	for _, m := range want {
		var err error
		batch, err = AppendBatchMessage(batch, m.Flag, m.Body, m.Properties)
		require.NoError(t, err)
	}
	got, err := ParseBatch(batch)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for range BatchMessages(batch) { // a walk may end early
		break
	}
	none, err := ParseBatch(nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestAppendBatchMessageRefuses(t *testing.T) {
	got, err := AppendBatchMessage([]byte("before"), 0, nil, make([]byte, headers.MaxPropertiesSize+1))
	require.ErrorIs(t, err, headers.ErrTooLarge)
	require.Equal(t, "before", string(got))
}

// TestParseBatchCut: a batch that is cut anywhere but between messages is
// malformed.
func TestParseBatchCut(t *testing.T) {
	one, err := AppendBatchMessage(nil, 1, []byte("one"), []byte("a\x01b\x02"))
	require.NoError(t, err)
	two, err := AppendBatchMessage(one, 2, []byte("two"), nil)
	require.NoError(t, err)
	for n := range len(two) {
		messages, err := ParseBatch(two[:n])
		switch n {
		case 0, len(one):
			require.NoError(t, err)
			require.Len(t, messages, n/len(one))
		default:
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.Nil(t, messages)
		}
	}
	const bodyLength, propertiesLength = 16, 16 + 4 + 3
	for _, at := range []int{bodyLength, propertiesLength} {
		damaged := append([]byte(nil), one...)
		damaged[at] = 0xFF
		_, err := ParseBatch(damaged)
		require.ErrorIs(t, err, headers.ErrMalformed, "negative length")
	}
}
