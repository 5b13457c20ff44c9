package delivery

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

type nowhere struct{}

func (nowhere) Ack(*Message)                               {}
func (nowhere) Nack(*Message, time.Duration)               {}
func (nowhere) Release(*Message)                           {}
func (nowhere) Renew(*Message)                             {}
func (nowhere) DeadLetter(context.Context, *Message) error { return nil }

// BenchmarkLane is one message on its way to a handler and back.
func BenchmarkLane(b *testing.B) {
	for name, readers := range map[string]int{"1 reader": 1, "4 readers": 4} {
		for mode, ordered := range map[string]bool{"": false, ", ordered": true} {
			b.Run(name+mode, func(b *testing.B) { benchmarkLane(b, readers, ordered) })
		}
	}
}

func benchmarkLane(b *testing.B, readers int, ordered bool) {
	cfg := testConfig()
	cfg.Ordered = ordered
	cfg.Make = func(m *Message) (*message.Message, error) {
		return message.NewMessage("", m.Stored.Body), nil
	}
	o := New(cfg)
	b.ReportAllocs()
	var read sync.WaitGroup
	for range readers {
		read.Go(func() {
			for m := range o.Channel() {
				m.Ack()
			}
		})
	}
	l := o.NewLane()
	for left := b.N; left > 0; {
		n, err := o.budget.Take(b.Context(), min(left, Batch))
		if err != nil {
			b.Fatal(err)
		}
		messages, list := make([]Message, n), make([]*Message, n)
		for i := range messages {
			messages[i].Source, messages[i].Deliveries = nowhere{}, 1
			list[i] = &messages[i]
		}
		l.Put(list)
		left -= n
	}
	for {
		if n, _ := o.budget.Taken(); n == 0 {
			break
		}
		time.Sleep(10 * time.Microsecond)
	}
	o.Drain(b.Context())
	read.Wait()
}
