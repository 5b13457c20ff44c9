package publisher_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// How often brokers ask about a half message before they give it up. There have to be some
// more than seconds in the CheckAfter of a message: real brokers count each round before
// that as a check. And a message that a busy machine does not decide on in as many seconds
// is given up.
const (
	transactionChecks = 20   // for a test that waits until one is given up
	endlessChecks     = 1000 // for the others
)

// inTransactionWorlds runs a test on brokers that check half messages after three
// seconds and then every second, so often at most. The embedded ones are in a bubble, so
// that a busy machine cannot miss a check.
func inTransactionWorlds(t *testing.T, checks int, test func(t *testing.T, w *world, five bool)) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		t.Run("embedded "+strconv.Itoa(int(version)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				quick := embedded.WithTransactionCheck(300*time.Millisecond, 100*time.Millisecond, checks)
				test(t, embeddedWorld(t, quick, embedded.InMemory(), embedded.WithVersion(version)), version >= headers.Version5_0_0)
			})
		})
	}
	for _, version := range append(realbroker.Versions(), "5.1.4") {
		t.Run("real "+version, func(t *testing.T) {
			realbroker.RequireVersion(t, version)
			test(t, realWorld(t, realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{
				"transactionTimeOut":       "3000",
				"transactionCheckInterval": "1000",
				"transactionCheckMax":      fmt.Sprint(checks),
				// 5.x notes decisions in batches, every 3 s by default: a
				// decision could then come too late for the check.
				"transactionOpBatchInterval": "100",
			}})), version[0] == '5')
		})
	}
}

// decisions answers checks by what is in the payload: "commit ...", "rollback ..."
// or "unknown ..."; "second ..." is committed by its second check. It counts the
// checks of each payload.
type decisions struct {
	mu     sync.Mutex
	counts map[string]int
	seen   chan publisher.CheckedMessage
}

func newDecisions() *decisions {
	return &decisions{counts: make(map[string]int), seen: make(chan publisher.CheckedMessage, 1000)}
}

func (d *decisions) check(_ context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
	d.seen <- msg
	d.mu.Lock()
	defer d.mu.Unlock()
	payload := string(msg.Message.Payload)
	d.counts[payload]++
	word, _, _ := strings.Cut(payload, " ")
	switch {
	case word == "commit", word == "second" && d.counts[payload] > 1:
		return publisher.TransactionCommit
	case word == "rollback":
		return publisher.TransactionRollback
	default:
		return publisher.TransactionUnknown
	}
}

// await waits for a check of the payload.
func (d *decisions) await(t testing.TB, payload string) publisher.CheckedMessage {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case msg := <-d.seen:
			if string(msg.Message.Payload) == payload {
				return msg
			}
		case <-limit:
			t.Fatalf("no check of %q", payload)
		}
	}
}

func (d *decisions) count(payload string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[payload]
}

// awaitMessages waits until the topic has n messages or more, and returns all that
// it has then. On a real broker the Java client reads them.
func awaitMessages(t testing.TB, w *world, topic string, n int) []stored {
	t.Helper()
	var all []stored
	require.Eventually(t, func() bool {
		all = nil
		if w.embedded != nil {
			for _, m := range messagesIn(w.embedded, topic) {
				all = append(all, fromEmbedded(t, m))
			}
		} else {
			for _, m := range w.real.Read(t, topic, n) {
				all = append(all, fromWitness(m))
			}
		}
		return len(all) >= n
	}, patience, 50*time.Millisecond)
	return all
}

// Every way in which a transaction ends, on one broker. Whatever is settled stays
// so while another message goes through all checks that there are.
func TestTransactions(t *testing.T) {
	inTransactionWorlds(t, transactionChecks, func(t *testing.T, w *world, five bool) {
		topic := newTopic(t, "transactions")
		w.createTopic(t, topic, 2)
		group := strings.ReplaceAll(newTopic(t, "group"), ".", "-")
		publisherOf := func(group string, d *decisions) *publisher.Publisher {
			return publisherIn(t, w, func(c *publisher.Config) {
				c.ProducerGroup, c.Transaction.Check = group, d.check
			})
		}
		d := newDecisions()
		p := publisherOf(group, d)
		begin := func(p *publisher.Publisher, payload string) (*publisher.Transaction, *message.Message) {
			msg := message.NewMessage(watermill.NewUUID(), []byte(payload))
			msg.Metadata.Set("name", "value")
			tx, err := p.BeginTransaction(topic, msg)
			require.NoError(t, err)
			return tx, msg
		}

		// By the caller.
		committed, msg := begin(p, "direct "+strings.Repeat("compressed ", 1000))
		require.Empty(t, w.read(t, topic, 0))
		require.NoError(t, committed.Commit(t.Context()))
		got := awaitMessages(t, w, topic, 1)[0]
		require.Equal(t, committed.Info().MessageID, got.UniqueID)
		require.Equal(t, int32(headers.SysFlagCommit), got.SysFlag&headers.SysFlagTransactionMask)
		require.Equal(t, group, got.Properties[headers.PropertyProducerGroup])
		requireSameMessage(t, msg, unmarshal(t, got))
		dropped, _ := begin(p, "direct rollback")
		require.NoError(t, dropped.Rollback(t.Context()))

		// By the check, which is told what was published.
		byCheck, msg := begin(p, "commit by check")
		byCheck.Unknown()
		checked := d.await(t, "commit by check")
		requireSameMessage(t, msg, checked.Message)
		require.Equal(t, topic, checked.Topic)
		require.Equal(t, byCheck.Info().MessageID, checked.MessageID)
		require.Positive(t, checked.Checks) // one, but for a check that has taken the place of an earlier one
		for _, payload := range []string{"rollback by check", "second check"} {
			tx, _ := begin(p, payload)
			tx.Unknown()
		}
		first := d.await(t, "second check").Checks
		require.Greater(t, d.await(t, "second check").Checks, first)

		// By another process of the group, which has published nothing.
		begin(p, "commit after restart")
		require.NoError(t, p.Close())
		again := newDecisions()
		p = publisherOf(group, again)
		again.await(t, "commit after restart")
		require.Zero(t, d.count("commit after restart"))

		// Two groups in one process.
		other := newDecisions()
		otherPublisher := publisherOf(group+"-2", other)
		ofFirst, _ := begin(p, "commit of group 1")
		ofFirst.Unknown()
		ofSecond, _ := begin(otherPublisher, "commit of group 2")
		ofSecond.Unknown()
		again.await(t, "commit of group 1")
		other.await(t, "commit of group 2")
		require.Zero(t, again.count("commit of group 2"))
		require.Zero(t, other.count("commit of group 1"))

		// A half message that is checked while its transaction is open, and then
		// committed, is not delivered by its copies as well. The other message
		// shows that the checks have come.
		open, _ := begin(p, "open")
		mark, _ := begin(p, "second mark")
		mark.Unknown()
		again.await(t, "second mark")
		again.await(t, "second mark")
		require.NoError(t, open.Commit(t.Context()))
		require.Zero(t, again.count("open"))

		// Too late, where the producer has set a time for it. The other message
		// shows that the time is over.
		ofLate := newDecisions()
		checkAfter := 4 * time.Second // more than transactionTimeOut
		if w.embedded != nil {
			checkAfter = time.Second
		}
		late, _ := begin(publisherIn(t, w, func(c *publisher.Config) {
			c.ProducerGroup, c.Transaction.Check, c.Transaction.CheckAfter = group+"-3", ofLate.check, checkAfter
		}), "commit too late")
		lateMark, _ := begin(publisherIn(t, w, func(c *publisher.Config) {
			c.ProducerGroup, c.Transaction.Check, c.Transaction.CheckAfter = group+"-4", ofLate.check, checkAfter
		}), "unknown mark")
		lateMark.Unknown()
		ofLate.await(t, "unknown mark")
		if err := late.Commit(t.Context()); five {
			require.ErrorIs(t, err, &headers.StatusError{Code: headers.IllegalOperation})
			require.False(t, failedEnd(t, err).Open)
			ofLate.await(t, "commit too late")
		} else {
			require.NoError(t, err)
		}

		// By nobody.
		lost, _ := begin(p, "unknown")
		lost.Unknown()
		all := awaitMessages(t, w, checkMaxTopic, 2)
		slices.SortFunc(all, func(a, b stored) int { return strings.Compare(string(a.Body), string(b.Body)) })
		require.Equal(t, "unknown mark", string(all[1].Body))
		require.Equal(t, lost.Info().MessageID, all[0].UniqueID)
		require.Equal(t, "unknown", string(all[0].Body))
		require.Equal(t, topic, all[0].Properties[headers.PropertyRealTopic])
		require.Equal(t, fmt.Sprint(transactionChecks), all[0].Properties[headers.PropertyCheckTimes])
		// A check takes the place of an earlier one that nobody has looked at yet:
		// TestPromiseCheckedTooOften counts where all are looked at in time.
		again.await(t, "unknown")
		require.LessOrEqual(t, again.count("unknown"), transactionChecks)

		payloads := make(map[string]int)
		for n := 9; len(payloads) < 9; n++ {
			clear(payloads)
			for _, s := range awaitMessages(t, w, topic, n) {
				word, _, _ := strings.Cut(string(s.Body), " compressed")
				payloads[word]++
			}
		}
		want := map[string]int{
			"commit after restart": 1, "commit by check": 1, "commit of group 1": 1, "commit of group 2": 1,
			"commit too late": 1, "direct": 1, "open": 1, "second check": 1, "second mark": 1,
		}
		if w.real != nil {
			// A half message that is asked about again before the answer has come may be
			// delivered by its copy as well.
			for payload, n := range payloads {
				if payload != "direct" && payload != "open" && n > 1 {
					payloads[payload] = 1
				}
			}
		}
		require.Equal(t, want, payloads)
	})
}
