package trace

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The record and the keys of a trace message that the Java client 5.5.0 has sent.
func TestRecordGolden(t *testing.T) {
	text, err := os.ReadFile("../../headers/testdata/golden/44_trace_msg_send_req.hex")
	require.NoError(t, err)
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	command, err := headers.ParseFrame(frame[4:])
	require.NoError(t, err)
	request, err := headers.ParseSendMessage(&command)
	require.NoError(t, err)

	r := record{
		at: 1795443880550, region: "DefaultRegion", group: "trace_pg", topic: "g2_topic",
		id: "FD0000000000000000000000000000025E1930946E0974638A650000", tags: "TagA", keys: "k1",
		storeHost: "127.0.0.1:40911", bodyLength: 7, cost: 109, offsetID: "7F00000100002A9F000000000080D582", success: true,
	}
	require.Equal(t, string(command.Body), string(r.append(nil)))
	var keys searchKeys
	require.True(t, keys.add(&r, maxKeysSize))
	for name, value := range headers.Properties(request.Properties) {
		if string(name) == headers.PropertyKeys {
			// Java keeps them in a set, so in any order.
			require.ElementsMatch(t, bytes.Fields(value), bytes.Fields(keys.text))
		}
	}
}

// What a message does not have is null, as in Java.
func TestRecordOfBareMessage(t *testing.T) {
	r := record{at: 1, region: "r", group: "g", topic: "t", id: "id", storeHost: "h", kind: kindDelay, offsetID: "o"}
	require.Equal(t, "Pub\x011\x01r\x01g\x01t\x01id\x01null\x01null\x01h\x010\x010\x013\x01o\x01false\x02", string(r.append(nil)))
}

func TestRecordOfProperties(t *testing.T) {
	for properties, want := range map[string]record{
		"UNIQ_KEY\x01x\x02TAGS\x01a\x02KEYS\x01b c\x02": {tags: "a", keys: "b c"},
		"TRAN_MSG\x01true\x02":                          {kind: kindHalf},
		"TRAN_MSG\x01false\x02":                         {},
		"DELAY\x013\x02":                                {kind: kindDelay},
		"TIMER_DELIVER_MS\x013\x02":                     {kind: kindDelay},
	} {
		var got record
		got.readProperties([]byte(properties))
		require.Equal(t, want, got)
	}
}
