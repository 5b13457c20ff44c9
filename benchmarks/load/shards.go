package load

// shardCount keeps callers out of each other's way, without the memory that a
// histogram for each of a thousand callers would take.
const shardCount = 16

// shards is a Histogram in parts, one for each group of callers.
type shards [shardCount]*Histogram

func newShards() *shards {
	var s shards
	for i := range s {
		s[i] = NewHistogram()
	}
	return &s
}

func (s *shards) of(caller int) *Histogram { return s[caller%shardCount] }

func (s *shards) total() Histogram {
	var h Histogram
	for _, part := range s {
		h.Add(part)
	}
	return h
}
