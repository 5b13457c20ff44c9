// Package fanout does the same for many things, several at once.
package fanout

import (
	"sync"
	"sync/atomic"
)

// Each calls do for 0 to n-1, on at most atOnce goroutines, and returns when all calls
// have returned. The first come first, but in no certain order.
func Each(n, atOnce int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
