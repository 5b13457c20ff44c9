package main

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// cases are what users do with rocketmq-client-go.
var cases = []struct {
	name string
	play func(*scene) error
}{
	{"send-sync", sendSync},
	{"send-async", sendAsync},
	{"send-oneway", sendOneway},
	{"send-batch", sendBatch},
	{"send-to-queue", sendToQueue},
	{"send-by-hash", sendByHash},
	{"send-by-level", sendByLevel},
	{"send-compressed", sendCompressed},
	{"send-refused", sendRefused},
	{"send-creates-topic", sendCreatesTopic},
	{"transactions", transactions},
	{"request", request},
	{"push-clustering", pushClustering},
	{"push-broadcasting", pushBroadcasting},
	{"push-orderly", pushOrderly},
	{"push-tags", pushTags},
	{"push-sql", pushSQL},
	{"push-retry", pushRetry},
	{"dead-letter", deadLetter},
	{"dead-letter-at-once", deadLetterAtOnce},
	{"consume-from-where", consumeFrom},
	{"pull", pull},
	{"poll", poll},
	{"topic-admin", topicAdmin},
}

// attempts are how often a case is played, each time with names of its own, until it sees the
// same on both clusters. The client has limits that nobody can set: if the broker does not
// confirm within 3 s that it takes back a message, for one, the client sends it as well. On a
// machine that stands still for so long, clusters that are alike show different things.
const attempts = 3

// slots are for the plays that go on at the same time. With all at once, a machine of two
// processors is slower than the client bears.
var slots = make(chan struct{}, 12)

// playing is a case that goes on in the background.
type playing struct {
	done chan struct{}
	// Set before done is closed.
	seen []string
	err  error
}

func play(s servers, name string, f func(*scene) error) *playing {
	p := &playing{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		slots <- struct{}{}
		defer func() { <-slots }()
		scene := newScene(s, name)
		if err := f(scene); err != nil {
			p.err = fmt.Errorf("%s: %w", s.kind, err)
		}
		scene.close()
		p.seen = scene.lines()
	}()
	return p
}

// difference is why one of two plays ended early, or else the first line that they do not
// have in common.
func difference(got, want *playing) error {
	if err := errors.Join(want.err, got.err); err != nil || slices.Equal(want.seen, got.seen) {
		return err
	}
	return errors.New(realbroker.FirstDifference(want.seen, got.seen))
}

// TestCases has rocketmq-client-go do the same with the embedded cluster and with a real
// broker, and wants it to see the same, in one attempt.
func TestCases(t *testing.T) {
	realbroker.Require(t)
	if raceDetector {
		t.Skip("rocketmq-client-go has data races, in processQueue.takeMessages for one")
	}
	rlog.SetLogLevel("fatal")
	cluster, err := embedded.Start(embedded.WithPropertyFilter(), embedded.WithTransactionCheck(6*time.Second, time.Second, 100))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	broker := realbroker.Start(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{
		"enablePropertyFilter": "true",
		// Asking goes on while a producer is slow to answer.
		"transactionTimeOut": "6000", "transactionCheckInterval": "1000", "transactionCheckMax": "100",
		// The longest there is: a broker that tells the name server of its topics while one is
		// deleted brings it back.
		"registerNameServerPeriod": "60000",
	}})
	ours := servers{"embedded", cluster.NameServers(), cluster.Broker(0).Addr()}
	theirs := servers{"real", broker.NameServers(), broker.Broker(0).Addr}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, want := play(ours, c.name, c.play), play(theirs, c.name, c.play)
			t.Parallel() // all are under way before the first is waited for
			for attempt := 1; ; attempt++ {
				<-want.done
				<-got.done
				differs := difference(got, want)
				if differs == nil || attempt == attempts {
					break
				}
				t.Logf("attempt %d: %v", attempt, differs)
				name := fmt.Sprint(c.name, "-again-", attempt)
				got, want = play(ours, name, c.play), play(theirs, name, c.play)
			}
			require.NoError(t, want.err)
			require.NoError(t, got.err)
			require.NotEmpty(t, want.seen)
			require.Equal(t, want.seen, got.seen)
		})
	}
}

func TestCasesAreDocumented(t *testing.T) {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	require.ElementsMatch(t, names, realbroker.DocumentedCases(t, "../../docs/testing.md", 2))
}
