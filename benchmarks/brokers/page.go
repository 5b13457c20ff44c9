package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// page is what a comparison has found, and on what.
type page struct {
	flags   *flags
	machine contest.Machine
	begin   time.Time
	took    time.Duration
	found   *found
}

// table has the goals, and what was measured.
func (p page) table() string {
	var b strings.Builder
	b.WriteString("| | goal | measured | |\n|---|---|---|---|\n")
	for _, g := range p.found.judge() {
		bound := "at least " + g.format(g.least)
		if g.most > 0 {
			bound = "at most " + g.format(g.most)
		}
		verdict := "**missed**"
		if g.met() {
			verdict = "met"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.what, bound, g.format(g.value), verdict)
	}
	b.WriteString("\n| broker | messages/s | broker, µs of processor for a message | publisher, µs |\n|---|---|---|---|\n")
	for _, name := range p.found.names {
		var rates, broker, client []float64
		for _, t := range p.found.turns[name] {
			rates = append(rates, t.rate)
			broker = append(broker, micros(t.brokerCPU))
			client = append(client, micros(t.clientCPU))
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f | %.2f |\n", name, thousands(median(rates)), median(broker), median(client))
	}
	return b.String()
}

// String is the page.
func (p page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The embedded broker beside a real one\n\n`make bench-broker` writes this page; do not edit it. %s, %s.\n\n", p.begin.Format("2 January 2006"), p.took.Round(time.Second))
	fmt.Fprintf(&b, "| | |\n|---|---|\n| CPU | %s, %d cores, shared by all |\n| memory | %.1f GiB |\n| system | %s |\n| Go | %s |\n| Java | %s |\n| RocketMQ | %s |\n\n",
		p.machine.CPU, p.machine.Cores, float64(p.machine.Memory)/(1<<30), p.machine.OS, p.machine.Go, p.machine.Java, p.machine.RocketMQ)
	fmt.Fprintf(&b, "%d goroutines publish messages of 1 KiB with this library's publisher, one a call, so that the messages of callers that wait share requests. Every broker\n"+
		"and every publisher is a process of its own; brokers are there all the time, and take turns in %d rounds of %v. Before each all that was stored is\n"+
		"written. RocketMQ is warmed up for %v, has a heap of 512 MiB and else its defaults. What is acknowledged is stored: that is counted after each\n"+
		"turn. Figures and ratios are medians of the rounds.\n\n", p.flags.callers, p.flags.rounds, p.flags.length, p.flags.warm)
	b.WriteString(p.table())
	fmt.Fprintf(&b, "\nThe folder that was opened has %s messages, a log of %.2f GiB, and was closed in good order; after a crash it is opened in the same way.\n"+
		"Heap is what is left after a collection, less that of the same broker before. An index in memory takes 8 bytes for a key, and a message of this\nlibrary has two.\n",
		thousands(float64(p.found.folder.messages)), float64(p.found.folder.bytes)/(1<<30))
	return b.String()
}

func times(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "x" }

func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + " s" }

func bytes(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + " B" }

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// thousands writes a number without its fraction, with commas.
func thousands(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
