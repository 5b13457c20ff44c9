package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// goldenEnd is what the captured decisions of the Java client have in common.
func goldenEnd(table, log int64, end headers.TransactionEnd, id string) *headers.EndTransaction {
	id = "FD00000000000000000000000000000241FA30946E0974" + id
	return &headers.EndTransaction{
		ProducerGroup: "golden_tx_pg", StateTableOffset: table, CommitLogOffset: log, End: end,
		MessageID: id, TransactionID: id, Topic: "golden_topic", BrokerName: "broker-a",
	}
}

func goldenEnds() map[string]*headers.EndTransaction {
	fromCheck := goldenEnd(3, 8370806, headers.TransactionCommit, "587BF80011")
	fromCheck.FromCheck, fromCheck.Topic = true, "RMQ_SYS_TRANS_HALF_TOPIC"
	return map[string]*headers.EndTransaction{
		"18_tx_end_commit_req":     goldenEnd(0, 8368256, headers.TransactionCommit, "587BAF000F"),
		"19_tx_end_rollback_req":   goldenEnd(1, 8369057, headers.TransactionRollback, "587BC50010"),
		"20_tx_end_unknown_req":    goldenEnd(2, 8369483, headers.TransactionUndecided, "587BF80011"),
		"22_tx_end_from_check_req": fromCheck,
	}
}

func goldenCheck() *headers.CheckTransaction {
	return &headers.CheckTransaction{
		StateTableOffset: 3, CommitLogOffset: 8370806,
		MessageID:       "FD00000000000000000000000000000241FA30946E0974587BF80011",
		TransactionID:   "FD00000000000000000000000000000241FA30946E0974587BF80011",
		OffsetMessageID: "7F00000100002A9F00000000007FBA76",
		Topic:           "RMQ_SYS_TRANS_HALF_TOPIC", BrokerName: "broker-a",
	}
}

// The requests about transactions are rebuilt from our types, and read into them,
// as the Java client and a 5.5.0 broker sent them.
func TestGoldenTransactions(t *testing.T) {
	requests := map[string]headers.Request{"21_tx_check_39_from_broker": goldenCheck()}
	for name, h := range goldenEnds() {
		requests[name] = h
		t.Run("parse "+name, func(t *testing.T) {
			c := mustParse(t, golden(t, name))
			got, err := headers.ParseEndTransaction(&c)
			require.NoError(t, err)
			require.Equal(t, *h, got)
		})
	}
	for name, request := range requests {
		t.Run("build "+name, func(t *testing.T) {
			want := golden(t, name)
			c := mustParse(t, want)
			got, err := headers.AppendRequest(nil, c.Serialization, c.Opaque, c.IsOneway(), request, c.Body)
			require.NoError(t, err)
			require.Equal(t, c.Body, mustParse(t, got).Body)
			require.Equal(t, canonicalHeader(t, want), canonicalHeader(t, got))
		})
	}
	c := mustParse(t, golden(t, "21_tx_check_39_from_broker"))
	got, err := headers.ParseCheckTransaction(&c)
	require.NoError(t, err)
	require.Equal(t, *goldenCheck(), got)
}

// Offsets that are missing or no numbers are an error: 0 would name another
// message.
func TestTransactionHeadersMalformed(t *testing.T) {
	parse := func(t *testing.T, code headers.RequestCode, fields ...headers.Field) headers.Command {
		t.Helper()
		frame, err := headers.AppendRequest(nil, headers.Binary, 1, true, command{code, fields}, nil)
		require.NoError(t, err)
		return mustParse(t, frame)
	}
	group, table := headers.Field{Name: "producerGroup", Value: "g"}, headers.Field{Name: "tranStateTableOffset", Value: "1"}
	log, end := headers.Field{Name: "commitLogOffset", Value: "2"}, headers.Field{Name: "commitOrRollback", Value: "8"}
	bad := func(f headers.Field) headers.Field { return headers.Field{Name: f.Name, Value: "x"} }

	c := parse(t, headers.CodeEndTransaction, group, table, log, end)
	_, err := headers.ParseEndTransaction(&c)
	require.NoError(t, err)
	for _, fields := range [][]headers.Field{
		{table, log, end},
		{group, log, end},
		{group, table, end},
		{group, table, log},
		{group, bad(table), log, end},
		{group, table, bad(log), end},
		{group, table, log, bad(end)},
	} {
		c := parse(t, headers.CodeEndTransaction, fields...)
		_, err := headers.ParseEndTransaction(&c)
		require.ErrorIs(t, err, headers.ErrMalformed, "%v", fields)
	}
	for _, fields := range [][]headers.Field{{table}, {log}, {bad(table), log}, {table, bad(log)}} {
		c := parse(t, headers.CodeCheckTransactionState, fields...)
		_, err := headers.ParseCheckTransaction(&c)
		require.ErrorIs(t, err, headers.ErrMalformed, "%v", fields)
	}
}
