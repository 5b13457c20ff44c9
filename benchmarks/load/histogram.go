package load

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// subBits makes 256 buckets for each doubling, so that a quantile is at most
	// 0.4 % off. java/Peer.java has the same buckets.
	subBits = 8
	sub     = 1 << subBits
	// buckets reach to 2^42 ns, more than an hour.
	buckets = (42 - subBits + 1) * sub
)

// Histogram counts durations in buckets of nearly equal relative width. Record
// may be called by many goroutines at once; the other methods are for when all
// have ended. The zero value is empty.
type Histogram struct {
	counts []uint32
}

// NewHistogram returns a Histogram that Record can be called on.
func NewHistogram() *Histogram { return &Histogram{counts: make([]uint32, buckets)} }

// bucketOf returns the bucket of a duration of ns nanoseconds.
func bucketOf(ns int64) int {
	v := uint64(max(ns, 0))
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min((shift+1)*sub+int(v>>shift)-sub, buckets-1)
}

// bounds returns the least duration of a bucket, and the least of the next.
func bounds(bucket int) (low, high float64) {
	if bucket < sub {
		return float64(bucket), float64(bucket + 1)
	}
	shift := bucket/sub - 1
	low = math.Ldexp(float64(sub+bucket%sub), shift)
	return low, low + math.Ldexp(1, shift)
}

// Record counts a duration.
func (h *Histogram) Record(d time.Duration) { atomic.AddUint32(&h.counts[bucketOf(int64(d))], 1) }

// Add counts what o has counted.
func (h *Histogram) Add(o *Histogram) {
	if h.counts == nil {
		h.counts = make([]uint32, buckets)
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
}

// Count is the number of durations.
func (h *Histogram) Count() int64 {
	var total int64
	for _, n := range h.counts {
		total += int64(n)
	}
	return total
}

// Quantile returns the duration that a share q of all do not exceed, taking those
// of a bucket as spread evenly over it. It is 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	rank := min(max(q, 0), 1) * float64(total)
	var below float64
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		if below+float64(n) >= rank {
			low, high := bounds(i)
			return time.Duration(low + (high-low)*(rank-below)/float64(n))
		}
		below += float64(n)
	}
	return 0 // not reached: the last bucket's end is total
}

// MarshalJSON writes the buckets that are not empty, as pairs of index and count.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	pairs := [][2]int64{}
	for i, n := range h.counts {
		if n > 0 {
			pairs = append(pairs, [2]int64{int64(i), int64(n)})
		}
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var pairs [][2]int64
	if err := json.Unmarshal(data, &pairs); err != nil {
		return fmt.Errorf("load: histogram: %w", err)
	}
	h.counts = make([]uint32, buckets)
	for _, p := range pairs {
		if p[0] < 0 || p[0] >= buckets || p[1] < 0 || p[1] > math.MaxUint32 {
			return fmt.Errorf("load: histogram: bucket %d has count %d", p[0], p[1])
		}
		h.counts[p[0]] = uint32(p[1])
	}
	return nil
}
