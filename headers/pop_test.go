package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// popAnswer is a parsed answer that has those three info fields.
func popAnswer(t testing.TB, start, offsets, counts string) headers.Command {
	t.Helper()
	frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.Success, "", headers.FieldList{
		{"popTime", "1795444062397"},
		{"invisibleTime", "3000"},
		{"reviveQid", "7"},
		{"restNum", "4"},
		{"startOffsetInfo", start},
		{"msgOffsetInfo", offsets},
		{"orderCountInfo", counts},
	}, nil)
	require.NoError(t, err)
	return mustParse(t, frame)
}

func TestGoldenPopAnswers(t *testing.T) {
	tests := map[string]headers.PopResult{
		"72_pop_200050_resp": {
			PopTime: 1795444062397, InvisibleMillis: 3000, ReviveQueueID: 7,
			Queues: []headers.PopQueue{{Offsets: []int64{0, 1, 2}}},
		},
		"77_pop_200050_retry_resp": {
			PopTime: 1795444068528, InvisibleMillis: 3000, ReviveQueueID: 5,
			Queues: []headers.PopQueue{{Retry: headers.RetryV1, Offsets: []int64{0}}},
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, golden(t, name))
			got, err := headers.ParsePopResult(&c)
			require.NoError(t, err)
			require.Equal(t, want, got)
			for _, s := range bothSerializations {
				frame, err := headers.AppendResponse(nil, s, 1, headers.Success, "FOUND", &got, nil)
				require.NoError(t, err)
				require.Equal(t, fieldMap(c.Fields), fieldMap(mustParse(t, frame).Fields))
			}
		})
	}
	// The broker put this handle into the properties of the message that came again.
	c := mustParse(t, golden(t, "77_pop_200050_retry_resp"))
	r, err := headers.ParsePopResult(&c)
	require.NoError(t, err)
	handle := r.Handle("broker-a", &r.Queues[0], 0).String()
	require.Contains(t, string(c.Body), "POP_CK\x01"+handle+"\x02")

	for _, name := range []string{"86_v497_pop_3_resp", "66_err_pop_in_binary_header_3_resp", "32_pull_11_resp_batch_zlib"} {
		c := mustParse(t, golden(t, name))
		_, err := headers.ParsePopResult(&c)
		require.ErrorIs(t, err, headers.ErrMalformed, name)
	}
}

func TestParsePopResult(t *testing.T) {
	queue := func(kind headers.RetryKind, id int32, start int64, offsets ...int64) headers.PopQueue {
		return headers.PopQueue{Retry: kind, QueueID: id, StartOffset: start, Offsets: offsets}
	}
	counted := func(q headers.PopQueue, counts ...int32) headers.PopQueue {
		q.OrderCounts = counts
		return q
	}
	tests := map[string]struct {
		start, offsets, counts string
		want                   []headers.PopQueue
	}{
		"nothing":              {"", "", "", nil},
		"counts of nothing":    {"", "", "0 0 0", nil},
		"several queues":       {"1 0 0;0 1 0;0 0 0", "1 0 0,1,2;0 1 0,1;0 0 0,1", "", []headers.PopQueue{queue(1, 0, 0, 0, 1, 2), queue(0, 1, 0, 0, 1), queue(0, 0, 0, 0, 1)}},
		"in another order":     {"2 0 3;0 1 4", "0 1 4;2 0 7", "", []headers.PopQueue{queue(0, 1, 4, 4), queue(2, 0, 3, 7)}},
		"filtered out":         {"0 3 100", "0 3 117,9223372036854775807", "", []headers.PopQueue{queue(0, 3, 100, 117, 9223372036854775807)}},
		"largest queue":        {"0 2147483647 0", "0 2147483647 0", "", []headers.PopQueue{queue(0, 2147483647, 0, 0)}},
		"count of the queue":   {"0 0 5", "0 0 5,6", "0 0 3", []headers.PopQueue{counted(queue(0, 0, 5, 5, 6), 3, 3)}},
		"counts of offsets":    {"0 0 5", "0 0 5,6,7", "0 qo0%5 2;0 qo0%7 1;0 0 0", []headers.PopQueue{counted(queue(0, 0, 5, 5, 6, 7), 2, 0, 1)}},
		"queue before offsets": {"0 0 5", "0 0 5,6", "0 0 1;0 qo0%6 4", []headers.PopQueue{counted(queue(0, 0, 5, 5, 6), 1, 4)}},
		"counts of others":     {"0 0 5", "0 0 5", "0 qo0%9 2;0 qo1%5 2;1 qo0%5 2;0 1 8;1 0 9", []headers.PopQueue{counted(queue(0, 0, 5, 5), 0)}},
		"counts of two queues": {"0 0 5;0 1 1", "0 0 5;0 1 1", "0 qo1%1 2;0 0 0;0 1 2", []headers.PopQueue{counted(queue(0, 0, 5, 5), 0), counted(queue(0, 1, 1, 1), 2)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := popAnswer(t, test.start, test.offsets, test.counts)
			got, err := headers.ParsePopResult(&c)
			require.NoError(t, err)
			want := headers.PopResult{PopTime: 1795444062397, InvisibleMillis: 3000, ReviveQueueID: 7, RestNum: 4, Queues: test.want}
			require.Equal(t, want, got)

			frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.Success, "", &got, nil)
			require.NoError(t, err)
			c = mustParse(t, frame)
			again, err := headers.ParsePopResult(&c)
			require.NoError(t, err)
			require.Equal(t, want, again)
		})
	}
}

// The order counts as ConsumerOrderInfoManager writes them: messages that were delivered
// before, and then the least of the queue.
func TestOrderCountsAsJavaWritesThem(t *testing.T) {
	r := headers.PopResult{Queues: []headers.PopQueue{
		{QueueID: 2, StartOffset: 5, Offsets: []int64{5, 6, 7}, OrderCounts: []int32{2, 0, 1}},
		{QueueID: 3, Offsets: []int64{0}, OrderCounts: []int32{0}},
		{QueueID: 4, Offsets: []int64{0, 1}, OrderCounts: []int32{4, 3}},
		{QueueID: 5, Offsets: []int64{0}},
	}}
	frame, err := headers.AppendResponse(nil, headers.Binary, 1, headers.Success, "", &r, nil)
	require.NoError(t, err)
	c := mustParse(t, frame)
	require.Equal(t, "0 qo2%5 2;0 qo2%7 1;0 2 0;0 3 0;0 qo4%0 4;0 qo4%1 3;0 4 3", c.Fields.String("orderCountInfo"))
	require.Equal(t, "0 2 5,6,7;0 3 0;0 4 0,1;0 5 0", c.Fields.String("msgOffsetInfo"))
	require.Equal(t, "0 2 5;0 3 0;0 4 0;0 5 0", c.Fields.String("startOffsetInfo"))
}

// many are n offsets from first on, a comma between each.
func many(first, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",%d", first+i)
	}
	return b.String()[1:]
}

func TestParsePopResultMalformed(t *testing.T) {
	tests := map[string][3]string{
		"no start":                  {"", "0 0 0", ""},
		"start alone":               {"0 0 0", "", ""},
		"start of another queue":    {"0 1 0", "0 0 0", ""},
		"start of another topic":    {"1 0 0", "0 0 0", ""},
		"start of one more queue":   {"0 0 0;0 1 0", "0 0 0", ""},
		"start of one queue less":   {"0 0 0", "0 0 0;0 1 0", ""},
		"start twice":               {"0 0 0;0 0 0", "0 0 0", ""},
		"start behind the first":    {"0 0 1", "0 0 0,1", ""},
		"start is negative":         {"0 0 -1", "0 0 0", ""},
		"start is no number":        {"0 0 x", "0 0 0", ""},
		"start is too large":        {"0 0 9223372036854775808", "0 0 0", ""},
		"start has two parts":       {"0 0", "0 0 0", ""},
		"start has four parts":      {"0 0 0 0", "0 0 0", ""},
		"start ends with ;":         {"0 0 0;", "0 0 0", ""},
		"start begins with ;":       {";0 0 0", "0 0 0", ""},
		"queue twice":               {"0 0 0", "0 0 0;0 0 1", ""},
		"queue twice, start too":    {"0 0 0;0 0 1", "0 0 0;0 0 1", ""},
		"no offsets":                {"0 0 0", "0 0 ", ""},
		"two parts":                 {"0 0 0", "0 0", ""},
		"one part":                  {"0 0 0", "0", ""},
		"two spaces":                {"0 0 0", "0  0 0", ""},
		"cut after a comma":         {"0 0 0", "0 0 0,", ""},
		"cut after ;":               {"0 0 0", "0 0 0;", ""},
		"comma first":               {"0 0 0", "0 0 ,0", ""},
		"offset twice":              {"0 0 0", "0 0 0,0", ""},
		"offsets descend":           {"0 0 0", "0 0 2,1", ""},
		"offset is negative":        {"0 0 0", "0 0 -1", ""},
		"offset with a sign":        {"0 0 0", "0 0 +1", ""},
		"offset is too large":       {"0 0 0", "0 0 9223372036854775808", ""},
		"offset with a fourth part": {"0 0 0", "0 0 0 1", ""},
		"queue is negative":         {"0 -1 0", "0 -1 0", ""},
		"queue is too large":        {"0 2147483648 0", "0 2147483648 0", ""},
		"unknown topic":             {"3 0 0", "3 0 0", ""},
		"topic of two digits":       {"00 0 0", "00 0 0", ""},
		"no topic":                  {" 0 0", " 0 0", ""},
		"too many offsets":          {"0 0 0", "0 0 " + many(0, 1025), ""},
		"too many queues":           {"0 0 0", strings.Repeat(";", 1024), ""},
		"count is no number":        {"0 0 0", "0 0 0", "0 0 x"},
		"count is negative":         {"0 0 0", "0 0 0", "0 0 -1"},
		"count is too large":        {"0 0 0", "0 0 0", "0 0 2147483648"},
		"count is cut":              {"0 0 0", "0 0 0", "0 0"},
		"count of no offset":        {"0 0 0", "0 0 0", "0 qo0 1"},
		"count of an empty offset":  {"0 0 0", "0 0 0", "0 qo0% 1"},
		"count without qo":          {"0 0 0", "0 0 0", "0 0%0 1"},
		"count of no queue":         {"0 0 0", "0 0 0", "0 qo%0 1"},
		"count of an offset twice":  {"0 0 0", "0 0 0", "0 qo0%0 1;0 qo0%0 2"},
		"count of unknown topic":    {"0 0 0", "0 0 0", "7 0 1"},
		"counts end with ;":         {"0 0 0", "0 0 0", "0 0 1;"},
	}
	for name, info := range tests {
		t.Run(name, func(t *testing.T) {
			c := popAnswer(t, info[0], info[1], info[2])
			r, err := headers.ParsePopResult(&c)
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.Zero(t, r)
			require.Less(t, len(err.Error()), 200, "an error is no copy of what came")
		})
	}
	c := popAnswer(t, "0 0 0", "0 0 "+many(0, 1024), "")
	r, err := headers.ParsePopResult(&c)
	require.NoError(t, err)
	require.Len(t, r.Queues[0].Offsets, 1024)
}

func TestParsePopResultFields(t *testing.T) {
	list := headers.FieldList{{"popTime", "1"}, {"invisibleTime", "2"}, {"reviveQid", "3"}, {"restNum", "4"}}
	for _, field := range list {
		for _, bad := range []headers.FieldList{without(list, field.Name), append(without(list, field.Name), headers.Field{Name: field.Name, Value: "x"})} {
			c := commandOf(t, headers.JSON, headers.CodePopMessage, bad)
			_, err := headers.ParsePopResult(&c)
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.ErrorContains(t, err, field.Name)
		}
	}
}

// The offsets of all queues are one allocation, the queues are another.
func TestParsePopResultAllocations(t *testing.T) {
	c := popAnswer(t, "1 0 0;0 1 100", "1 0 "+many(0, 16)+";0 1 "+many(100, 16), "")
	r, err := headers.ParsePopResult(&c)
	require.NoError(t, err)
	require.Len(t, r.Queues[1].Offsets, 16)
	require.EqualValues(t, 2, testing.AllocsPerRun(100, func() { _, _ = headers.ParsePopResult(&c) }))
}

// FuzzPopResult holds for any info fields: what is refused is malformed; what is taken has
// ascending offsets from the start on, and is the same when it is written and read again.
func FuzzPopResult(f *testing.F) {
	f.Add("0 0 0", "0 0 0,1,2", "")
	f.Add("1 0 0;0 1 0;0 0 0", "1 0 0,1,2;0 1 0,1;0 0 0,1", "")
	f.Add("0 0 5;0 1 1", "0 0 5;0 1 1", "0 qo1%1 2;0 0 0;0 1 2")
	f.Add("0 0 -1", "0 0 2,1,", "0 qo")
	f.Add("0 0 0", "0 0 "+many(0, 1025), "")
	f.Fuzz(func(t *testing.T, start, offsets, counts string) {
		c := popAnswer(t, start, offsets, counts)
		r, err := headers.ParsePopResult(&c)
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
			return
		}
		for i := range r.Queues {
			q := &r.Queues[i]
			last := q.StartOffset - 1
			for j, offset := range q.Offsets {
				require.Greater(t, offset, last)
				last = offset
				handle := r.Handle("broker-a", q, j)
				again, err := headers.ParseReceiptHandle(handle.String())
				require.NoError(t, err)
				require.Equal(t, handle, again)
			}
			require.GreaterOrEqual(t, q.StartOffset, int64(0))
			if counts != "" {
				require.Len(t, q.OrderCounts, len(q.Offsets))
			}
		}
		frame, err := headers.AppendResponse(nil, headers.Binary, 1, headers.Success, "", &r, nil)
		require.NoError(t, err)
		c = mustParse(t, frame)
		again, err := headers.ParsePopResult(&c)
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
