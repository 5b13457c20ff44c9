package embedded_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// javaCases are what users do with the Java client, by their names in the witness, and what
// is compared of each.
var javaCases = []struct{ name, compared string }{
	{"send-sync", "the result, and what is stored"},
	{"send-async", "results of messages, of a batch, to a queue and by a key"},
	{"send-oneway", "what is stored"},
	{"send-batch", "the result, and the properties of each message; a batch of two topics is refused"},
	{"send-to-queue", "the queue; one that does not exist is refused"},
	{"send-by-hash", "the queue of each key"},
	{"send-with-timeout", "the results"},
	{"send-by-level", "delivered late, with its properties"},
	{"send-timer", "delay in milliseconds, in seconds, to a time, and one that is too long"},
	{"send-recall", "the code, as recalls are forbidden by default"},
	{"send-compressed", "size and flags in the store, for zlib, LZ4 and Zstandard"},
	{"send-properties", "Unicode, flag and several keys, and a bare message"},
	{"send-refused", "codes for what is too large, for empty bodies and for bad topics"},
	{"send-creates-topic", "the topic's queues"},
	{"send-namespace", "the topic of the namespace"},
	{"transaction-commit", "the result, and what is stored"},
	{"transaction-rollback", "the result, and that nothing is stored"},
	{"transaction-check", "the message of the first check, and what is stored after the second"},
	{"request-sync", "replies, their properties, and the requests as stored"},
	{"request-async", "the reply"},
	{"request-timeout", "the client's code"},
	{"push-clustering", "who is given what, and the committed offsets"},
	{"push-broadcasting", "everybody is given everything, and nothing is committed"},
	{"push-orderly", "the order of deliveries, while one message fails twice"},
	{"push-tags", "the messages of tags, and of tags with the same hash code"},
	{"push-sql", "the messages that SQL92 expressions select, by pulls and by POP, and one that does not parse"},
	{"push-leaves", "the member that is left takes over the queues"},
	{"retry-by-level", "three deliveries, a second and five apart, and their properties"},
	{"retry-by-default", "two deliveries, ten seconds apart"},
	{"retry-part-of-batch", "which messages of a batch come again"},
	{"dead-letter", "the dead letter after three deliveries"},
	{"dead-letter-at-once", "the dead letter after one delivery, by level -1"},
	{"dead-letter-orderly", "the dead letter of a queue in order, and that it goes on"},
	{"pop-clustering", "what two members are given, and a message's properties"},
	{"pop-retry", "both deliveries and their properties"},
	{"pop-orderly", "the order of deliveries"},
	{"consume-from-where", "first, last and timestamp, clustering and broadcasting"},
	{"consume-goes-on", "what a member is given before and after the group was away"},
	{"reset-offset-while-consuming", "what a running consumer is given again"},
	{"reset-offset-of-nobody", "the committed offset, and what the next consumer is given"},
	{"pull", "status and offsets of pulls, by tag, at the end and behind it, of queues that do not exist; committed offsets"},
	{"pull-waits", "a pull at the end waits for the next message"},
	{"lite-pull-subscribe", "the messages, the committed offset, and where the next member goes on"},
	{"lite-pull-assign", "seek to an offset, the beginning, the end and a time"},
	{"query-by-key", "by one of several keys, with limits of number and time, in vain"},
	{"view-by-id", "by the broker's id and by the client's, in vain"},
	{"query-offsets", "bounds of queues and offsets of times, of an empty queue as well"},
	{"create-topic", "the queues of a topic that an admin client created"},
}

// TestJavaCases has the Java client do the same with the embedded cluster and with a real
// broker, and wants it to see the same.
func TestJavaCases(t *testing.T) {
	const version = "5.5.0"
	realbroker.Require(t)
	const checks = 1000 // more than there are while the client stands still
	cluster := start(t, embedded.WithPropertyFilter(), embedded.WithTransactionCheck(6*time.Second, time.Second, checks))
	ours := realbroker.WitnessFor(t, version, cluster.NameServers())
	theirs := realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{
		"enablePropertyFilter": "true",
		"transactionTimeOut":   "6000", "transactionCheckInterval": "1000", "transactionCheckMax": strconv.Itoa(checks), // decisions count after 3 s
	}})
	const atOnce = 8 // most wait, and all together would have a busy machine run out of time
	var plays, same []*realbroker.Play
	begin := func(t *testing.T, play, name string) (our, their *realbroker.Play) {
		return ours.Play(t, play, name), theirs.Play(t, play, name)
	}
	compare := func(i int) {
		c := javaCases[i]
		t.Run(c.name, func(t *testing.T) {
			got, gotErr := plays[i].Seen(t)
			want, wantErr := same[i].Seen(t)
			// Some limits of the client cannot be lifted, such as that of its locks of queues.
			// On a busy machine it may exceed them, so what differs is played again: all has to be
			// the same within one attempt.
			for attempt := 2; attempt <= 3 && !(gotErr == nil && wantErr == nil && slices.Equal(want, got)); attempt++ {
				t.Logf("attempt %d differs in %s; errors: %v; %v", attempt-1, realbroker.FirstDifference(want, got), wantErr, gotErr)
				ourPlay, theirPlay := begin(t, c.name, fmt.Sprintf("%s-%d", c.name, attempt))
				got, gotErr = ourPlay.Seen(t)
				want, wantErr = theirPlay.Seen(t)
			}
			require.NoError(t, wantErr)
			require.NoError(t, gotErr, "but a real broker: %q", want)
			require.NotEmpty(t, want)
			require.Equal(t, want, got, "compared: %s", c.compared)
		})
	}
	for i, c := range javaCases {
		if i >= atOnce {
			compare(i - atOnce)
		}
		our, their := begin(t, c.name, c.name)
		plays, same = append(plays, our), append(same, their)
	}
	for i := len(javaCases) - atOnce; i < len(javaCases); i++ {
		compare(i)
	}
}

func TestJavaCasesAreDocumented(t *testing.T) {
	var names []string
	for _, c := range javaCases {
		names = append(names, c.name)
	}
	require.ElementsMatch(t, names, realbroker.DocumentedCases(t, "../docs/testing.md", 1))
}
