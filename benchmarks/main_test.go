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
		case "candidate", "null-broker", "idle", "growth":
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
		"-target", "null", "-cases", "(64x1|1x32)/1KiB", "-candidates", "ours,client-go,raw-1,raw-64",
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

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-cases", "("},
		{"-target", "moon"},
		{"-candidates", "nobody"},
		{"-rounds", "0"},
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
