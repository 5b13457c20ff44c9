package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// page is what a run has found, and on what.
type page struct {
	flags   *flags
	machine contest.Machine
	// started says that the broker was started for the run.
	started bool
	results []result
}

// table has the form of that in watermill-benchmark's README.
func (p page) table() string {
	var b strings.Builder
	b.WriteString("| Message size (bytes) | Publish (messages / s) | Subscribe (messages / s) | delivered again |\n|---|---|---|---|\n")
	for _, r := range p.results {
		fmt.Fprintf(&b, "| %d | %s | %s | %d |\n", r.size, thousands(r.rate(r.publish)), thousands(r.rate(r.subscribe)), r.again)
	}
	return b.String()
}

// String is the page.
func (p page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The load of watermill-benchmark\n\n`make bench-watermill` writes this page; do not edit it. %s.\n\n", time.Now().Format("2 January 2006"))
	fmt.Fprintf(&b, "[watermill-benchmark](https://github.com/ThreeDotsLabs/watermill-benchmark) publishes all messages of a size to a new topic, by %d goroutines and "+
		"one message a call, and then\nconsumes all of them with a router. [benchmarks/watermill](../benchmarks/watermill) does the same with %s messages of each size"+
		" and a topic of %d queues, and\ncounts each message once. Figures of other Pub/Subs come from other machines: compare them by running them here.\n\n",
		workers, thousands(float64(p.flags.messages)), queues)
	fmt.Fprintf(&b, "| | |\n|---|---|\n| Pub/Sub | %s |\n| broker | %s |\n| CPU | %s, %d cores, shared by all |\n| memory | %.1f GiB |\n| system | %s |\n| Go | %s |\n\n",
		p.flags.pubSub, p.broker(), p.machine.CPU, p.machine.Cores, float64(p.machine.Memory)/(1<<30), p.machine.OS, p.machine.Go)
	b.WriteString(p.table())
	return b.String()
}

// broker says what was published to.
func (p page) broker() string {
	switch {
	case p.flags.pubSub == "gochannel":
		return "none: in this process"
	case p.started:
		return "RocketMQ " + p.flags.version + ", one broker with its defaults, on the same machine"
	default:
		return "one that was there"
	}
}

// thousands writes a number without its fraction, with commas.
func thousands(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
