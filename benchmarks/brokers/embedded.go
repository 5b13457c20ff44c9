package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// kind is how a broker keeps messages.
type kind string

const (
	inMemory   kind = "memory"
	asyncFlush kind = "async"
	syncFlush  kind = "sync"
)

func (k kind) options(dir string) []embedded.Option {
	switch k {
	case asyncFlush:
		return []embedded.Option{embedded.Dir(dir)}
	case syncFlush:
		return []embedded.Option{embedded.Dir(dir), embedded.WithSyncFlush()}
	}
	return nil
}

// opened is what the process of an embedded broker says first.
type opened struct {
	NameServer string        `json:"nameServer"`
	Took       time.Duration `json:"took"`
}

// heap is what it answers to each further line.
type heap struct {
	Bytes uint64 `json:"bytes"`
}

// serveEmbedded is the process of an embedded broker: it answers each line of its input with
// its heap, and ends in good order with it. The arguments are a folder, and a file for a
// profile.
func serveEmbedded(k kind, args []string, in io.Reader, out io.Writer) (err error) {
	var dir string
	if len(args) > 0 {
		dir = args[0]
	}
	if len(args) > 1 {
		end, err := profile(args[1])
		if err != nil {
			return err
		}
		defer end()
	}
	begin := time.Now()
	c, err := embedded.Start(k.options(dir)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	answers := json.NewEncoder(out)
	if err := answers.Encode(opened{c.NameServers()[0], time.Since(begin)}); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		runtime.GC()
		runtime.GC() // the first one only marks what finalizers hold
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if err := answers.Encode(heap{m.HeapAlloc}); err != nil {
			return err
		}
	}
	return lines.Err()
}

// profile writes a CPU profile until end is called.
func profile(path string) (end func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // who reads it finds out
	}, nil
}
