package consumers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// script is a consumer whose messages come from the test.
type script struct {
	bodies chan []byte
	err    error
}

func (s *script) Consume(ctx context.Context, _ meter.Task, m *meter.Meter) error {
	for {
		select {
		case body := <-s.bodies:
			m.Acked(m.Take(body))
		case <-m.Done():
			return s.err
		case <-ctx.Done():
			return s.err
		}
	}
}

func (s *script) send(number int64) {
	body := make([]byte, meter.StampSize)
	meter.Stamp(body, number)
	s.bodies <- body
}

// dialogue serves the consumer until the test ends.
func dialogue(t *testing.T, c Consumer) (tell func(meter.Task), hear func() meter.Reply) {
	in, tasks := io.Pipe()
	replies, out := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(t.Context(), c, in, out) }()
	t.Cleanup(func() {
		require.NoError(t, tasks.Close())
		require.NoError(t, <-served)
	})
	answers := json.NewDecoder(replies)
	tell = func(task meter.Task) { require.NoError(t, json.NewEncoder(tasks).Encode(task)) }
	hear = func() (r meter.Reply) {
		require.NoError(t, answers.Decode(&r))
		return r
	}
	return tell, hear
}

// The messages of a task with arrivals are sent when the candidate has said that it is
// ready, and those of earlier tasks do not count.
func TestServeArrivals(t *testing.T) {
	c := &script{bodies: make(chan []byte)}
	tell, hear := dialogue(t, c)
	tell(meter.Task{First: 10, Messages: 10, Arrivals: true, Limit: time.Minute})
	c.send(3)
	c.send(meter.Probe)
	require.Equal(t, meter.Reply{Ready: true}, hear())
	for n := range int64(10) {
		c.send(10 + n)
	}
	r := hear()
	require.NotNil(t, r.Sample, r.Err)
	require.Len(t, r.Sample.Arrivals, 10)
}

// A task that takes too long is told of, and the next one is done.
func TestServeTellsWhatIsMissing(t *testing.T) {
	c := &script{bodies: make(chan []byte, 20)}
	for n := range int64(9) {
		c.send(n)
	}
	tell, hear := dialogue(t, c)
	tell(meter.Task{Messages: 10, Limit: 100 * time.Millisecond})
	r := hear()
	require.Nil(t, r.Sample)
	require.Contains(t, r.Err, "of 10 messages were acknowledged")
	for n := range int64(10) {
		c.send(n)
	}
	tell(meter.Task{Messages: 10, Limit: time.Minute})
	require.NotNil(t, hear().Sample)
}

func TestServeTellsOfErrors(t *testing.T) {
	tell, hear := dialogue(t, &script{err: errors.New("no broker")})
	for _, arrivals := range []bool{false, true} {
		tell(meter.Task{Messages: 10, Arrivals: arrivals, Limit: time.Millisecond})
		require.Contains(t, hear().Err, "no broker")
	}
}
