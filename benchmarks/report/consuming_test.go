package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumption"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
)

// consumingExample has a result for every candidate.
func consumingExample() *consumption.Report {
	r := &consumption.Report{
		Machine: contest.Machine{CPU: "quick", Cores: 2, RocketMQ: "5.5.0"}, Real: true,
		Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 12 * time.Minute,
		Rounds: 2, Messages: 400_000, Few: 20_000, Rate: 100, Length: 20 * time.Second,
	}
	for i, c := range consumption.Candidates {
		round := consumption.Round{
			Rate: 1000 * float64(i+1), CPU: 2500, BrokerCPU: 1500, Mallocs: -1, Start: 250 * time.Millisecond, Messages: 400_000,
		}
		other := round
		other.Rate *= 2
		for _, body := range []contest.Body{contest.Body128, contest.Body1K} {
			r.Results = append(r.Results, consumption.Result{Body: body, Candidate: c.ID, Rounds: []consumption.Round{round, other}})
		}
		if c.Waits {
			r.Latencies = append(r.Latencies, consumption.Latency{Candidate: c.ID, Rounds: []consumption.LatencyRound{
				{P50: 1500 * time.Microsecond, P90: 2 * time.Millisecond, P99: 20 * time.Millisecond, FromCall: 2 * time.Millisecond},
			}})
		}
		if c.Idles {
			r.Idle = append(r.Idle, consumption.IdleCost{Candidate: c.ID, IdleCost: consumers.IdleCost{
				First: idle.Cost{Goroutines: 12, Heap: 1 << 20}, Next: idle.Cost{Goroutines: 3, Heap: 20 << 10, Stacks: 9 << 10},
			}})
		}
	}
	r.Verdicts = consumption.Judge(r)
	return r
}

func consumingPage(t *testing.T, r *consumption.Report, alone bool) string {
	var page bytes.Buffer
	require.NoError(t, writeConsuming(&page, r, alone))
	return page.String()
}

func TestConsumingPage(t *testing.T) {
	page := consumingPage(t, consumingExample(), false)
	for _, want := range []string{
		"## Consuming", "2 January 2026, 12 minutes", "400,000 messages of each body", "for 20 s",
		"| this subscriber, POP, 128B | Java, push consumer with POP | msg/s | at least 10.0x | ",
		"| this subscriber, pull, 1KiB | – | allocations per message | at most 8.00 | ",
		"### Consumed and acknowledged, 1 KiB",
		"| rocketmq-client-go, push consumer | 6,000 (4,000–8,000) | 2.50 | 1.50 | – | 250 |",
		"### Latency on an idle topic", "| Java, push consumer with pulls | 1.50 | 2.00 | 20.0 | 2.00 |",
		"### An idle subscription", "| this subscriber, POP | 3.00 | 20.0 | 9.00 | 12.0 | 1,024 | 0.00 |",
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "# Benchmarks")
	require.NotContains(t, page, "<no value>")
	require.NotContains(t, page, "NaN")
	require.True(t, strings.HasPrefix(consumingPage(t, consumingExample(), true), "# Benchmarks"))
}

// What did not go as it should is told of where the figures are.
func TestConsumingThatFailed(t *testing.T) {
	r := consumingExample()
	r.Results[0].Failures = []string{"lost | it"}
	r.Results[0].Rounds[0].Duplicates = 7
	r.Results[0].Rounds[1].Unproved = 1200
	r.Results[1].Rounds = nil
	r.Latencies[0].Rounds = nil
	page := consumingPage(t, r, false)
	require.Contains(t, page, "| this subscriber, POP (failed 1 times: lost / it) (7 seen again, 1,200 not acknowledged for the broker) | 1,500")
	require.Contains(t, page, "| this subscriber, POP | – | – | – | – | – |")
	require.Contains(t, page, "| this subscriber, POP | – | – | – | – |\n")
	require.Contains(t, page, "7 seen more than once")
	require.Contains(t, page, "but for 1,200 messages")
}

func TestSummaryOfConsuming(t *testing.T) {
	lines := strings.Join(SummaryOfConsuming(consumingExample()), "\n")
	require.Contains(t, lines, "missed: this subscriber, pull, 128B")
	require.Contains(t, lines, "targets: ")
	require.Contains(t, lines, "none missing")
}
