// Package lasting has what is left of contexts when their cancellation does not count.
package lasting

import "context"

// Contexts are those of the messages of a call. Each has the values and the deadline of the one
// that it was made of, and is not cancelled with it. The zero value has none.
type Contexts struct {
	list    []context.Context
	cancels []context.CancelFunc
}

// Of makes the contexts of n messages, none if all of them are such as cannot end. End gives
// back what they hold.
func Of(n int, of func(index int) context.Context) Contexts {
	var c Contexts
	var before <-chan struct{}
	for i := range n {
		ctx := of(i)
		own := ctx.Done()
		if own != nil && c.list == nil {
			c.list = make([]context.Context, n)
			for j := range i {
				c.list[j] = of(j)
			}
		}
		switch {
		case c.list == nil:
		case own == nil:
			c.list[i] = ctx
		case own == before: // as those of a call mostly are
			c.list[i] = c.list[i-1]
		default:
			c.list[i] = c.last(ctx)
		}
		before = own
	}
	return c
}

// last makes one context.
func (c *Contexts) last(ctx context.Context) context.Context {
	lasting := context.WithoutCancel(ctx)
	if at, ok := ctx.Deadline(); ok {
		limited, cancel := context.WithDeadline(lasting, at)
		c.cancels = append(c.cancels, cancel)
		return limited
	}
	return lasting
}

// At returns the context of a message, nil if there are none.
func (c *Contexts) At(index int) context.Context {
	if c.list == nil {
		return nil
	}
	return c.list[index]
}

// End ends the contexts.
func (c *Contexts) End() {
	for _, cancel := range c.cancels {
		cancel()
	}
}
