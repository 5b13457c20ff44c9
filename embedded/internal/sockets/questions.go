package sockets

import (
	"bytes"
	"context"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Questions are the requests of a server to a client that wait for its answers. The zero
// value is ready.
type Questions struct {
	mu      sync.Mutex
	opaque  int32 // of the last request
	waiting map[int32]chan headers.Command
}

// Next returns the opaque of the next request, and whom its answer is for: a channel with room
// for it, nil for nobody.
func (q *Questions) Next(answers chan headers.Command) (opaque int32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.opaque++
	if answers != nil {
		if q.waiting == nil {
			q.waiting = make(map[int32]chan headers.Command)
		}
		q.waiting[q.opaque] = answers
	}
	return q.opaque
}

// Answered takes the answer of the client. Nobody waits for one to a push. The frame is used
// again, so the answer is made of a copy.
func (q *Questions) Answered(frame []byte, opaque int32) {
	q.mu.Lock()
	answers := q.waiting[opaque]
	delete(q.waiting, opaque)
	q.mu.Unlock()
	if answers == nil {
		return
	}
	answer, err := headers.ParseFrame(bytes.Clone(frame))
	if err != nil {
		close(answers) // it was parsed before
		return
	}
	answers <- answer
}

// Close closes the channels of all who wait.
func (q *Questions) Close() {
	q.mu.Lock()
	waiting := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, answers := range waiting {
		close(answers)
	}
}

// Gather waits for the answers that are to come by channels. One that is closed has none. If
// ctx ends before all are there the error is its cause.
func Gather(ctx context.Context, asked []chan headers.Command) ([]headers.Command, error) {
	var all []headers.Command
	for _, answers := range asked {
		select {
		case answer, ok := <-answers:
			if ok {
				all = append(all, answer)
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return all, nil
}
