package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The names of those who take part.
const (
	realAsync     = "RocketMQ, async flush"
	realSync      = "RocketMQ, sync flush"
	embeddedRAM   = "embedded, in memory"
	embeddedAsync = "embedded, folder"
	embeddedSync  = "embedded, folder, sync flush"
)

// found is what a comparison finds.
type found struct {
	names []string
	turns map[string][]turn // by name, one for each round
	// folder is what was opened.
	folder struct {
		bytes, messages    int64
		opened, openedCold time.Duration
	}
	// perMessage is heap in bytes: of a broker that has stored messages, of one that has
	// opened them, and of that one when somebody has asked for a key.
	perMessage struct{ stored, opened, indexed float64 }
}

// comparison is one that runs.
type comparison struct {
	*flags
	dir      string
	body     string // file
	entrants []*entrant
	found    found
}

func compare(ctx context.Context, f *flags) (_ *found, err error) {
	dir, err := os.MkdirTemp("", "brokers")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c := &comparison{flags: f, dir: dir, body: filepath.Join(dir, "body")}
	c.found.turns = make(map[string][]turn)
	if err := os.WriteFile(c.body, contest.Body1K.Content(), 0o644); err != nil {
		return nil, err
	}
	err = c.contest(ctx)
	for _, e := range c.entrants {
		err = errors.Join(err, e.close())
	}
	if err == nil {
		err = c.opening(ctx)
	}
	return &c.found, err
}

// task is a load of some length.
func (c *comparison) task(length time.Duration) load.Task {
	return load.Task{Topic: topicName, Body: c.body, Callers: c.callers, PerCall: 1, WarmUp: 300 * time.Millisecond, Length: length}
}

// contest has all publish, in turns.
func (c *comparison) contest(ctx context.Context) error {
	if err := c.enterAll(ctx); err != nil {
		return err
	}
	var folder *entrant
	for _, e := range c.entrants {
		c.found.names = append(c.found.names, e.name)
		length := time.Second
		if e.embedded == nil {
			length = c.warm
		}
		if _, err := e.publish(c.task(length)); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
		if e.name == embeddedAsync {
			folder = e
		}
	}
	before, err := folder.heap()
	stored := folder.stored
	if err != nil {
		return err
	}
	for round := range c.rounds {
		for i := range c.entrants {
			e := c.entrants[(i+round)%len(c.entrants)]
			if err := c.quiet(ctx); err != nil {
				return err
			}
			t, err := e.publish(c.task(c.length))
			if err != nil {
				return err
			}
			c.log.Printf("round %d: %s: %.0f messages/s, %v of the broker and %v of the client for each", round+1, e.name, t.rate, t.brokerCPU, t.clientCPU)
			c.found.turns[e.name] = append(c.found.turns[e.name], t)
		}
	}
	if err := c.quiet(ctx); err != nil {
		return err
	}
	after, err := folder.heap()
	c.found.perMessage.stored = float64(after-before) / float64(folder.stored-stored)
	return err
}

// quiet waits until all that was stored is written, for nobody to pay for the one before.
func (c *comparison) quiet(ctx context.Context) error {
	for _, e := range c.entrants {
		if err := e.settle(ctx); err != nil {
			return err
		}
	}
	flushDisk()
	return nil
}

func (c *comparison) enterAll(ctx context.Context) error {
	starts := []func() (*entrant, error){
		func() (*entrant, error) { return c.enterEmbedded(ctx, embeddedRAM, inMemory, "") },
		func() (*entrant, error) {
			return c.enterEmbedded(ctx, embeddedAsync, asyncFlush, filepath.Join(c.dir, "folder"))
		},
		func() (*entrant, error) {
			return c.enterEmbedded(ctx, embeddedSync, syncFlush, filepath.Join(c.dir, "folder-sync"))
		},
	}
	if c.version != "" {
		starts = append(starts, func() (*entrant, error) {
			return c.enterReal(ctx, realAsync, filepath.Join(c.dir, "real"), "ASYNC_FLUSH")
		}, func() (*entrant, error) {
			return c.enterReal(ctx, realSync, filepath.Join(c.dir, "real-sync"), "SYNC_FLUSH")
		})
	}
	for _, start := range starts {
		e, err := start()
		if err != nil {
			return err
		}
		c.entrants = append(c.entrants, e)
	}
	return nil
}

// opening has a folder filled, and opened.
func (c *comparison) opening(ctx context.Context) error {
	dir := filepath.Join(c.dir, "filled")
	e, err := c.enterEmbedded(ctx, "embedded, filling", asyncFlush, dir)
	if err != nil {
		return err
	}
	empty, err := e.heap()
	for err == nil && c.found.folder.bytes < c.folderBytes {
		if _, err = e.publish(c.task(300 * time.Millisecond)); err == nil {
			c.found.folder.bytes, err = occupied(filepath.Join(dir, "commitlog"))
		}
	}
	if err == nil {
		err = e.settle(ctx)
	}
	c.found.folder.messages = e.stored
	if err = errors.Join(err, e.close()); err != nil {
		return err
	}
	if c.found.folder.opened, err = c.open(ctx, dir, empty); err != nil {
		return err
	}
	flushDisk()
	if !forget(filepath.Join(dir, "commitlog")) {
		return nil
	}
	c.found.folder.openedCold, err = c.open(ctx, dir, empty)
	return err
}

// open opens a folder, and looks how much memory its messages take.
func (c *comparison) open(ctx context.Context, dir string, empty int64) (time.Duration, error) {
	e, err := c.enterEmbedded(ctx, "embedded, opening", asyncFlush, dir)
	if err != nil {
		return 0, err
	}
	if e.before != c.found.folder.messages {
		return 0, errors.Join(fmt.Errorf("%d of %d messages are in the folder", e.before, c.found.folder.messages), e.close())
	}
	n := float64(e.before)
	after, err := e.heap()
	c.found.perMessage.opened = float64(after-empty) / n
	if err == nil {
		_, err = e.topic.Ask(ctx, &headers.QueryMessage{Topic: topicName, Key: "nobody has it", MaxMessages: 1, End: math.MaxInt64}, nil)
		if errors.Is(err, &headers.StatusError{Code: headers.QueryNotFound}) {
			err = nil
		}
	}
	if err == nil {
		after, err = e.heap()
		c.found.perMessage.indexed = float64(after-empty) / n
	}
	return e.opened, errors.Join(err, e.close())
}
