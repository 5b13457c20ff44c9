package headers_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func offsetSet(t testing.TB, offsets ...int64) headers.OffsetSet {
	t.Helper()
	var s headers.OffsetSet
	for _, n := range offsets {
		require.True(t, s.Add(n))
	}
	return s
}

// What the Java classes of 5.5.0 write for the same values: BitSets are Base64, as many
// bytes as there are up to the last bit. The order of the members means nothing.
const javaBatchAck = `{"acks":[{"b":"BwIAAAAB","c":"g","it":3000,"pt":1795444062397,"q":1,"r":"0","rq":7,"so":5,"t":"t"},` +
	`{"b":"Ag==","c":"gé\"x/<","it":0,"pt":0,"q":0,"r":"2","rq":0,"so":0,"t":"t"}],"brokerName":"broker-a"}`

func batchAck(t testing.TB) headers.BatchAckData {
	return headers.BatchAckData{BrokerName: "broker-a", Entries: []headers.BatchAckEntry{
		{
			ConsumerGroup: "g", Topic: "t", StartOffset: 5, QueueID: 1, ReviveQueueID: 7, PopTime: 1795444062397, InvisibleMillis: 3000,
			Offsets: offsetSet(t, 40, 0, 1, 2, 9),
		},
		{ConsumerGroup: `gé"x/<`, Topic: "t", Retry: headers.RetryV2, Offsets: offsetSet(t, 1)},
	}}
}

func TestBatchAckAsJavaWritesIt(t *testing.T) {
	data := batchAck(t)
	body := data.Encode()
	require.JSONEq(t, javaBatchAck, string(body))
	for _, b := range []string{javaBatchAck, string(body)} {
		got, err := headers.ParseBatchAckData([]byte(b))
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
	require.JSONEq(t, `{"acks":[]}`, string((&headers.BatchAckData{}).Encode()), "a broker takes a request without a name for its own")
}

func TestBatchAckRequestIsJSON(t *testing.T) {
	data := batchAck(t)
	frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, headers.BatchAck{}, data.Encode())
	require.NoError(t, err)
	c := mustParse(t, frame)
	require.Equal(t, headers.JSON, c.Serialization)
	require.EqualValues(t, 200151, c.Code)
	got, err := headers.ParseBatchAckData(c.Body)
	require.NoError(t, err)
	clear(frame)
	require.Equal(t, data, got, "the result owns its memory")
}

// A broker does the entries before the wrong one, and not those behind it.
func TestParseBatchAckDataMalformed(t *testing.T) {
	const good = `{"c":"g","t":"t","r":"0","so":5,"q":1,"rq":7,"pt":1,"it":3000,"b":"Aw=="}`
	for name, entry := range map[string]string{
		"no offsets":           `{"c":"g","t":"t","r":"0","b":""}`,
		"no bits":              `{"c":"g","t":"t","r":"0","b":"AAA="}`,
		"null bits":            `{"c":"g","t":"t","r":"0","b":null}`,
		"no kind":              `{"c":"g","t":"t","b":"Aw=="}`,
		"unknown kind":         `{"c":"g","t":"t","r":"3","b":"Aw=="}`,
		"negative start":       `{"c":"g","t":"t","r":"0","so":-1,"b":"Aw=="}`,
		"start at the end":     `{"c":"g","t":"t","r":"0","so":9223372036854775807,"b":"Aw=="}`,
		"a set that is a bomb": `{"c":"g","t":"t","r":"0","so":1,"b":"` + string(slices.Repeat([]byte("////"), 1<<13/3+1)) + `"}`,
		"null":                 `null`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := headers.ParseBatchAckData([]byte(`{"acks":[` + good + `,` + entry + `,` + good + `]}`))
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.Len(t, got.Entries, 1)
			require.Equal(t, []int64{0, 1}, slices.Collect(got.Entries[0].Offsets.All()))
		})
	}
	for name, body := range map[string]string{
		"empty":            ``,
		"cut":              `{"acks":[{"c":"g"`,
		"not Base64":       `{"acks":[{"b":"_w=="}]}`,
		"queue too large":  `{"acks":[{"q":2147483648}]}`,
		"number as string": `{"acks":[{"so":"x"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := headers.ParseBatchAckData([]byte(body))
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.Empty(t, got)
		})
	}
}

func TestOffsetSet(t *testing.T) {
	var s headers.OffsetSet
	require.Zero(t, s.Len())
	require.Empty(t, slices.Collect(s.All()))
	for _, n := range []int64{-1, headers.MaxOffsetInSet + 1, 1 << 40, -1 << 63} {
		require.False(t, s.Add(n))
	}
	require.Empty(t, s)

	want := []int64{0, 1, 7, 8, 63, 64, headers.MaxOffsetInSet}
	for _, n := range want {
		require.True(t, s.Add(n))
		require.True(t, s.Add(n), "again")
	}
	require.Equal(t, len(want), s.Len())
	require.Equal(t, want, slices.Collect(s.All()))
	for n := range s.All() {
		require.Zero(t, n)
		break
	}
}

// FuzzBatchAck holds for any body: what is refused is malformed, and what is taken is the
// same when it is written and read again, and is JSON.
func FuzzBatchAck(f *testing.F) {
	f.Add([]byte(javaBatchAck))
	data := batchAck(f)
	f.Add(data.Encode())
	f.Add([]byte(`{"acks":[]}`))
	f.Add([]byte(`{"brokerName":"b","acks":[{"b":"AQAA","r":"1"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := headers.ParseBatchAckData(body)
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
		}
		for i := range got.Entries {
			e := &got.Entries[i]
			require.NotZero(t, e.Offsets.Len())
			for n := range e.Offsets.All() {
				require.GreaterOrEqual(t, e.StartOffset+n, int64(0))
			}
		}
		encoded := got.Encode()
		require.True(t, json.Valid(encoded))
		again, err := headers.ParseBatchAckData(encoded)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
