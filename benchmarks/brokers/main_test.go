package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The comparison runs its own program for each broker and each publisher: here that is the
// test's.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "embedded" || os.Args[1] == "publish") {
		main()
		return
	}
	os.Exit(m.Run())
}

// Without a real broker all is measured but what is compared with it. The figures mean
// nothing.
func TestWithoutRocketMQ(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processor time of other processes is known on Linux only")
	}
	path := filepath.Join(t.TempDir(), "page.md")
	var table strings.Builder
	require.NoError(t, run(t.Context(), []string{"-rocketmq", "", "-rounds", "2", "-length", "1s", "-folder-mib", "1", "-out", path}, nil, &table))
	for _, want := range []string{
		"with a folder and async flush, messages/s by those in memory", "opening a folder", "heap for a message of a folder that was opened",
		"| embedded, in memory | ", "| embedded, folder, sync flush | ",
	} {
		require.Contains(t, table.String(), want)
	}
	require.NotContains(t, table.String(), "NaN")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(page), table.String())
}

func TestJudge(t *testing.T) {
	f := found{turns: map[string][]turn{
		realAsync:     {{rate: 100, brokerCPU: 8}, {rate: 100, brokerCPU: 8}, {rate: 100, brokerCPU: 8}},
		realSync:      {{rate: 50}, {rate: 50}, {rate: 50}},
		embeddedRAM:   {{rate: 100, brokerCPU: 1}, {rate: 200, brokerCPU: 3}, {rate: 300, brokerCPU: 2}},
		embeddedAsync: {{rate: 90}, {rate: 160}, {rate: 90}},
		embeddedSync:  {{rate: 40}, {rate: 60}, {rate: 45}},
	}}
	f.folder.bytes, f.folder.opened = 512<<20, time.Second
	f.perMessage.stored, f.perMessage.opened, f.perMessage.indexed = 16, 64, 65
	var lines []string
	for _, g := range f.judge() {
		verdict := "missed"
		if g.met() {
			verdict = "met"
		}
		lines = append(lines, g.format(g.value)+" "+verdict)
	}
	require.Equal(t, []string{"2.00x met", "0.25x met", "0.90x missed", "0.80x met", "2.00 s met", "16.0 B met", "64.0 B met", "65.0 B missed"}, lines)
	require.Equal(t, 1.5, median([]float64{2, 1}))
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"more"}, {"-rounds", "0"}, {"-length", "0s"}, {"-folder-mib", "0"}, {"-callers", "0"}, {"-none"}} {
		require.Error(t, run(t.Context(), args, nil, io.Discard), args)
	}
}
