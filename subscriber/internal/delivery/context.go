package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
)

// Delivery is one delivery of a message, and the context of the message that is handed
// out. It has the values of the subscription's context but not its end: it ends when the
// message is answered or given up. Nothing is allocated for handlers that do not ask for
// Done. It is safe for concurrent use.
type Delivery struct {
	// Number is 1 for the first delivery.
	Number int

	message *Message
	lease   atomic.Int64

	mu    sync.Mutex // guards what follows
	ended bool
	cause error
	inner context.Context // made when somebody asks
	end   context.CancelCauseFunc
}

// key is what a Delivery is the value of.
type key struct{}

// FromContext returns the delivery that a context belongs to, nil if it belongs to none.
func FromContext(ctx context.Context) *Delivery {
	d, _ := ctx.Value(key{}).(*Delivery)
	return d
}

// Received is the message as it came. It must not be changed.
func (d *Delivery) Received() *receive.Message { return &d.message.Message }

// Broker is the name of the broker that the message is from.
func (d *Delivery) Broker() string { return d.message.Broker }

// Subscription returns the topic and the group of the Config.
func (d *Delivery) Subscription() (topic, group string) {
	cfg := &d.message.lane.output.cfg
	return cfg.Topic, cfg.Group
}

// Lease is until when the broker keeps the message for the handler, zero if that has no
// end. It is renewed.
func (d *Delivery) Lease() time.Time {
	if d.message.LeaseTime == 0 {
		return time.Time{}
	}
	return time.Unix(0, d.lease.Load())
}

// Deadline reports that there is none: leases are renewed.
func (d *Delivery) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the message is answered or given up.
func (d *Delivery) Done() <-chan struct{} { return d.cancelable().Done() }

// Err is context.Canceled after that.
func (d *Delivery) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return context.Canceled
	}
	return nil
}

// Value returns the delivery, or a value of the subscription's context. All else is asked
// of a context of package context, by which that package knows the cause, and how to end
// the contexts that are made of this one.
func (d *Delivery) Value(of any) any {
	if of == (key{}) {
		return d
	}
	if v := d.message.lane.output.values.Value(of); v != nil {
		return v
	}
	return d.cancelable().Value(of)
}

func (d *Delivery) cancelable() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner == nil {
		d.inner, d.end = context.WithCancelCause(d.message.lane.output.values)
		if d.ended {
			d.end(d.cause)
		}
	}
	return d.inner
}

// cancel ends the context. A nil cause is context.Canceled.
func (d *Delivery) cancel(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return
	}
	d.ended, d.cause = true, cause
	if d.end != nil {
		d.end(cause)
	}
}
