package realbroker

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseProgress(t *testing.T) {
	const (
		head5 = "#Topic   #Broker Name  #QID  #Broker Offset  #Consumer Offset  #Diff  #Inflight#LastTime\n"
		head4 = "#Topic   #Broker Name  #QID  #Broker Offset  #Consumer Offset  #Diff  #LastTime\n"
	)
	want := QueueProgress{Topic: "bills", BrokerName: "broker-a", QueueID: 2, BrokerOffset: 9, ConsumerOffset: 4, Diff: 5}
	got, err := parseProgress("noise\n" + head4 + "bills    broker-a   2   9   4   5    2026-11-29 15:00:00\n\nConsume TPS: 0.00\nDiff Total: 5\n")
	require.NoError(t, err)
	assert.Equal(t, []QueueProgress{want}, got)

	want.Inflight = 3
	got, err = parseProgress(head5 + "bills    broker-a   2   9   4   5    3  2026-11-29 15:00:00\n")
	require.NoError(t, err)
	assert.Equal(t, []QueueProgress{want}, got)

	got, err = parseProgress(head5 + "\n")
	require.NoError(t, err)
	assert.Empty(t, got)

	for _, bad := range []string{"", "#Group  #Count\ng  1\n", head4 + "bills broker-a 2 9 x 5\n", head4 + "bills\n"} {
		_, err := parseProgress(bad)
		require.Error(t, err, bad)
	}
}

func TestParseConnection(t *testing.T) {
	got, err := parseConnection("#ClientId   #ClientAddr   #Language #Version\n127.0.0.1@1  127.0.0.1:5  GO  V5_5_0\n\n" +
		"Below is subscription:\n#Topic   #SubExpression\nbills   a || b\n\nConsumeType: CONSUME_PASSIVELY\nMessageModel: CLUSTERING\nConsumeFromWhere: X\n")
	require.NoError(t, err)
	assert.Equal(t, GroupConnection{
		Members:       []GroupMember{{"127.0.0.1@1", "127.0.0.1:5", "GO", "V5_5_0"}},
		Subscriptions: map[string]string{"bills": "a || b"},
		ConsumeType:   "CONSUME_PASSIVELY", MessageModel: "CLUSTERING", ConsumeFromWhere: "X",
	}, got)
	_, err = parseConnection("nobody")
	require.Error(t, err)
}

func TestParseKeysAndMessage(t *testing.T) {
	got, err := parseKeys("#Message ID   #QID   #Offset   #IndexKey\nABC  1  7\n")
	require.NoError(t, err)
	assert.Equal(t, []AdminKey{{"ABC", 1, 7}}, got)
	_, err = parseKeys("#Message ID   #QID   #Offset\nABC  1\n")
	require.Error(t, err)
	_, err = parseAdminMessage("Message not found!")
	require.ErrorContains(t, err, "found no message")
}
