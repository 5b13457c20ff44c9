// Package backlog keeps the requests that come to a broker while it hangs.
package backlog

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// Most is how much is kept, in bytes of frames. Others are forgotten.
const Most = 64 << 20

// Requests are those that have come by connections of type C, in their order. The zero
// value is empty. It is not safe for concurrent use.
type Requests[C any] struct {
	list  []Request[C]
	bytes int
}

// Request is one of them.
type Request[C any] struct {
	From    C
	Command headers.Command
}

// Keep keeps a request whose frame has so many bytes, if there is room.
func (r *Requests[C]) Keep(from C, cmd headers.Command, bytes int) {
	if r.bytes+bytes <= Most {
		r.list = append(r.list, Request[C]{from, cmd})
		r.bytes += bytes
	}
}

// Len is how many are kept.
func (r *Requests[C]) Len() int { return len(r.list) }

// Take returns what was kept, and keeps it no longer.
func (r *Requests[C]) Take() []Request[C] {
	list := r.list
	*r = Requests[C]{}
	return list
}
