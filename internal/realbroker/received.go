package realbroker

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// consumePatience bounds the wait for deliveries.
const consumePatience = 3 * time.Minute

// received is what a consumer was given. Its methods may be called by several
// goroutines.
type received struct {
	mu  sync.Mutex
	all []Delivery
	ids map[string]struct{} // of all
}

func (r *received) add(deliveries ...Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = make(map[string]struct{})
	}
	r.all = append(r.all, deliveries...)
	for _, d := range deliveries {
		r.ids[d.MsgID] = struct{}{}
	}
}

// list returns a copy of all deliveries, in the order they came in.
func (r *received) list() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

func (r *received) counts() (messages, deliveries int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids), len(r.all)
}

// await calls fetch until n different messages are there. The test fails when that
// takes longer than consumePatience.
func (r *received) await(t testing.TB, n int, fetch func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), consumePatience)
	defer cancel()
	err := poll(ctx, readyInterval, func() (bool, error) {
		fetch()
		messages, _ := r.counts()
		return messages >= n, nil
	})
	if err != nil {
		messages, deliveries := r.counts()
		t.Fatalf("realbroker: %d of %d messages consumed, in %d deliveries", messages, n, deliveries)
	}
}
