package body

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// FuzzParseStored: whatever the bytes are, ParseStored does not panic, gives
// headers.ErrMalformed or a message, goes forward, and what it gives survives
// being written and read again.
func FuzzParseStored(f *testing.F) {
	for _, name := range []string{"21_tx_check_39_from_broker.hex", "32_pull_11_resp_batch_zlib.hex", "84_v497_pull_resp.hex"} {
		f.Add(readFrame(f, name).Body)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for len(raw) > 0 {
			m, rest, err := ParseStored(raw)
			if err != nil {
				require.ErrorIs(t, err, headers.ErrMalformed)
				return
			}
			require.Less(t, len(rest), len(raw))
			for _, topic := range []string{m.Topic, "orders"} {
				same, left, err := ParseStoredFrom(topic, raw)
				require.NoError(t, err)
				require.Equal(t, m, same)
				require.Equal(t, rest, left)
			}
			again, err := AppendStored(nil, &m)
			require.NoError(t, err)
			got, left, err := ParseStored(again)
			require.NoError(t, err)
			require.Empty(t, left)
			m.BodyCRC = BodyChecksum(m.Body)
			// An IPv4 address in IPv6 form comes back as IPv4, in fewer bytes.
			m.BornHost, m.StoreHost, m.SysFlag = got.BornHost, got.StoreHost, got.SysFlag
			require.Equal(t, m, got)
			raw = rest
		}
	})
}

// FuzzParseBatch: whatever the bytes are, ParseBatch does not panic and gives
// headers.ErrMalformed or messages, which encode to the same bytes but for the
// three words of each that brokers pass over.
func FuzzParseBatch(f *testing.F) {
	for _, name := range []string{"04_send_batch_320_req.hex", "47_send_batch_binary_req.hex"} {
		f.Add(readFrame(f, name).Body)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		messages, err := ParseBatch(raw)
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
			return
		}
		var again []byte
		for _, m := range messages {
			again, err = AppendBatchMessage(again, m.Flag, m.Body, m.Properties)
			require.NoError(t, err)
		}
		require.Len(t, again, len(raw))
		for at, i := 0, 0; i < len(messages); i++ {
			size := BatchMessageSize(messages[i].Body, messages[i].Properties)
			require.True(t, bytes.Equal(raw[at+12:at+size], again[at+12:at+size]))
			at += size
		}
	})
}
