package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The comparison runs its own program for each candidate: here that is the test's.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "candidate", "consumer", "null-broker", "embedded-broker", "idle", "idle-subscription", "growth":
			main()
			return
		}
	}
	os.Exit(m.Run())
}

func TestComparisonOnTheNullBroker(t *testing.T) {
	dir := t.TempDir()
	page, data := filepath.Join(dir, "page.md"), filepath.Join(dir, "data.json")
	require.NoError(t, run(context.Background(), []string{
		"-only", "publish", "-target", "null", "-cases", "(64x1|1x32)/1KiB", "-candidates", "ours,client-go,raw-1,raw-64",
		"-rounds", "2", "-seconds", "0.05", "-growth=false", "-out", page, "-data", data,
	}, nil, nil))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, want := range []string{"### 64 callers, 1 KiB", "| raw, 64 outstanding | ", "## An idle connection", "not measured"} {
		require.Contains(t, string(text), want)
	}
	again := filepath.Join(dir, "again.md")
	require.NoError(t, run(context.Background(), []string{"-from", data, "-out", again}, nil, nil))
	require.FileExists(t, filepath.Join(dir, "again.svg"))
}

// Here both builds are the test's.
func TestAsynchronousComparisonOfTwoBuilds(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.md")
	require.NoError(t, run(context.Background(), []string{
		"-only", "publish", "-target", "null", "-cases", "async/512/128B", "-candidates", "ours-async,client-go-async,raw-512",
		"-ours", os.Args[0], "-rounds", "1", "-seconds", "0.05", "-growth=false", "-out", page,
	}, nil, nil))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, want := range []string{
		"### Asynchronous, 512 in flight, 128 B", "| this publisher, PublishAsync | ", "| PublishAsync, other build | ",
		"| rocketmq-client-go, SendAsync | ",
	} {
		require.Contains(t, string(text), want)
	}
}

// consumersHere are those that a test can run: Java's want a real broker.
func consumersHere() string {
	const all = "pop,pull,ordered-pop,raw-pull,raw-pop"
	if raceDetector { // it finds something in rocketmq-client-go
		return all
	}
	return all + ",client-go"
}

// Consuming is measured on the embedded broker, and what the file of data has of
// publishing stays.
func TestConsumingOnTheEmbeddedBroker(t *testing.T) {
	dir := t.TempDir()
	page, data := filepath.Join(dir, "page.md"), filepath.Join(dir, "data.json")
	require.NoError(t, run(context.Background(), []string{
		"-only", "publish", "-target", "null", "-cases", "1x1/1KiB", "-candidates", "raw-1",
		"-rounds", "1", "-seconds", "0.05", "-growth=false", "-data", data,
	}, nil, nil))
	require.NoError(t, run(context.Background(), []string{
		"-only", "consume", "-target", "null", "-consumers", consumersHere(), "-messages", "2000", "-rounds", "1",
		"-latency", "200ms", "-idle", "2", "-profiles", dir, "-out", page, "-data", data,
	}, nil, nil))
	require.FileExists(t, filepath.Join(dir, "pop-1KiB.pprof"))
	again := filepath.Join(dir, "again.md")
	require.NoError(t, run(context.Background(), []string{"-from", data, "-out", again}, nil, nil))
	for _, file := range []string{page, again} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, want := range []string{
			"### 1 caller, 1 KiB", "[Consuming](#consuming)", "### Consumed and acknowledged, 1 KiB", "| raw pops of 32 | ", "none missing",
			"### Latency on an idle topic", "### An idle subscription", "| this subscriber, POP | ", "| this subscriber, ordered POP | ",
		} {
			require.Contains(t, string(text), want)
		}
		// Once may be the machine's: each measurement is tried twice.
		require.NotRegexp(t, `\(failed ([2-9]|\d\d)`, string(text))
		require.NotContains(t, string(text), "not acknowledged for the broker")
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-cases", "("},
		{"-target", "moon"},
		{"-candidates", "nobody"},
		{"-rounds", "0"},
		{"-ours", "missing/build"},
		{"-only", "half"},
		{"-only", "consume", "-consumers", "nobody"},
		{"-only", "consume", "-messages", "1"},
		{"-only", "consume", "-latency", "1ms"},
		{"-only", "consume", "-idle", "0"},
		{"-only", "consume", "-profiles", "missing/folder"},
		{"-only", "consume", "-target", "null", "-consumers", "java-pop"},
		{"idle-subscription", "raw-pull", "127.0.0.1:1", "0"},
		{"idle-subscription", "raw-pull", "127.0.0.1:1", "1"},
		{"consumer", "nobody", "127.0.0.1:1"},
		{"growth", "none"},
		{"unexpected"},
		{"-from", "missing.json", "-out", "page.md"},
	} {
		require.Error(t, run(context.Background(), args, nil, nil), args)
	}
	require.Error(t, run(context.Background(), []string{"candidate", "nobody", "127.0.0.1:1"}, nil, nil))
}

func TestListRunsNothing(t *testing.T) {
	require.NoError(t, run(context.Background(), []string{"-list"}, nil, nil))
}
