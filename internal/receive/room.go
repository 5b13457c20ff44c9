package receive

import (
	"context"
	"errors"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Room is the memory for decompressed bodies. A few bytes may become very many, and how
// many is known only afterwards, so one body is decompressed at a time, into the memory
// that the others have left. A Room is safe for concurrent use.
type Room struct {
	most int // bytes
	// decompressor keeps its decoders: to make one costs more than most bodies do.
	decompressor *body.Decompressor
	// turn has room for one token: whoever has put it there decompresses, or waits
	// for room.
	turn chan struct{}
	// freed has one slot: somebody has left.
	freed chan struct{}

	mu   sync.Mutex // guards used
	used int
}

// NewRoom returns a Room of that many bytes. No body may have more.
func NewRoom(most int) *Room {
	return &Room{most: most, decompressor: body.NewDecompressor(most), turn: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// Unpack decompresses the body of m, and returns the bytes of the room that it takes,
// which have to be given to Leave. A body that does not fit waits until it is alone, and
// others wait behind it, so whoever has taken room must leave within some time. A body
// that is not compressed takes no room: it is part of what was received.
//
// A body that cannot be decompressed is missing, and m.BodyErr says why. The error of
// Unpack is the cause of ctx, which has ended first.
func (r *Room) Unpack(ctx context.Context, m *Message) (taken int, err error) {
	packed, sysFlag := m.Stored.Body, m.Stored.SysFlag
	if sysFlag&headers.SysFlagCompressed == 0 {
		m.Body = packed
		return 0, nil
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { <-r.turn }()
	left := r.left()
	plain, err := r.decompressor.DecompressWithin(packed, sysFlag, left)
	if left < r.most && errors.Is(err, body.ErrInflatedTooLarge) {
		if err := r.waitUntilEmpty(ctx); err != nil {
			return 0, err
		}
		plain, err = r.decompressor.Decompress(packed, sysFlag)
	}
	if err != nil {
		m.BodyErr = &marshaler.BodyError{SysFlag: sysFlag, Size: len(packed), Limit: r.most, Reason: err}
		return 0, nil
	}
	m.Body = plain
	r.take(len(plain))
	return len(plain), nil
}

// waitUntilEmpty waits until nobody has room. Nobody else can take some meanwhile: its
// caller has the turn.
func (r *Room) waitUntilEmpty(ctx context.Context) error {
	for r.left() < r.most {
		select {
		case <-r.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (r *Room) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most - r.used
}

func (r *Room) take(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used += n
}

// Leave gives back what Unpack has taken.
func (r *Room) Leave(taken int) {
	if taken == 0 {
		return
	}
	r.mu.Lock()
	r.used -= taken
	r.mu.Unlock()
	select {
	case r.freed <- struct{}{}:
	default:
	}
}
