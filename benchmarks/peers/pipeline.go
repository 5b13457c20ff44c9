package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// readSize is the most that one read takes.
	readSize = 256 << 10
	// inlineWrite is the longest write that is made between two reads. A longer
	// one may have to wait for the peer, which may itself wait for its answers to
	// be read.
	inlineWrite = 64 << 10
	// answerTime is how long after the end an answer may come. A broker loses one
	// now and then; publishers take that for a failure and so does this.
	answerTime = 3 * time.Second
)

// pipeline keeps all of its frames outstanding: an answer's frame is sent again.
// One goroutine reads and writes, so that nothing is handed over.
type pipeline struct {
	addr     string
	nc       net.Conn // of the run
	perFrame int
	frames   [][]byte        // by opaque number
	sent     []time.Duration // when each was sent last

	failed  int64 // messages refused
	refusal error // the first

	buffer  []byte // what was read and is not a whole frame yet
	ready   []int32
	out     []byte
	begin   time.Time
	writing chan error // of the write under way, nil if there is none
}

// run sends for the given time on a new connection and then reads the answers
// that are still to come.
func (p *pipeline) run(ctx context.Context, length time.Duration) (load.Sample, error) {
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return load.Sample{}, fmt.Errorf("peers: raw: %w", err)
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	if err := nc.SetDeadline(time.Now().Add(length + answerTime)); err != nil {
		return load.Sample{}, fmt.Errorf("peers: raw: %w", err)
	}
	p.nc, p.begin, p.writing = nc, time.Now(), nil
	p.buffer, p.ready, p.failed, p.refusal = p.buffer[:0], p.ready[:0], 0, nil
	for i := range p.frames {
		p.ready = append(p.ready, int32(i))
	}
	s := load.Sample{Length: length}
	if err := p.exchange(&s); err != nil {
		return s, err
	}
	s.Failed = p.failed
	if p.refusal != nil {
		s.Err = p.refusal.Error()
	}
	if s.Measured == 0 {
		return s, fmt.Errorf("peers: raw: nothing was confirmed: %s", s.Err)
	}
	return s, nil
}

// exchange writes frames and reads answers until the time is up and all have come.
func (p *pipeline) exchange(s *load.Sample) error {
	latency := load.NewHistogram()
	defer func() { s.Latency.Add(latency) }()
	begun := false
	for outstanding := 0; ; {
		// The first frames go out in any case: on a busy machine the time may be up
		// before.
		if now := time.Since(p.begin); now >= s.Length && begun {
			p.ready = p.ready[:0]
		} else if p.enough(outstanding) {
			begun = true
			outstanding += len(p.ready)
			if err := p.write(now); err != nil {
				return err
			}
		}
		if outstanding == 0 {
			return p.written()
		}
		refused := p.failed
		answers, err := p.read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.failed += int64(outstanding * p.perFrame)
			p.refusal = err
			return p.written()
		}
		if err != nil {
			return err
		}
		end := time.Since(p.begin)
		for _, opaque := range answers {
			latency.Record(end - p.sent[opaque])
		}
		outstanding -= len(answers)
		messages := int64(len(answers)*p.perFrame) - (p.failed - refused)
		s.Measured += messages
		if end <= s.Length {
			s.InTime += messages
		}
	}
}

// enough reports whether so many frames are ready that they are worth a write: a
// part of all, or any when the peer has nothing left to do.
func (p *pipeline) enough(outstanding int) bool {
	if len(p.ready) == 0 {
		return false
	}
	if len(p.writing) == 0 && p.writing != nil {
		return outstanding == 0 // the write is under way
	}
	return outstanding == 0 || len(p.ready) >= len(p.frames)/gather
}

// gather says for which part of the frames a write waits: one in gather. Fewer
// and larger writes leave a broker on the same two cores more time; to wait for
// all would leave it with nothing to do in between.
const gather = 2

// write sends the frames that are ready in one write.
func (p *pipeline) write(now time.Duration) error {
	if err := p.written(); err != nil {
		return err
	}
	p.out = p.out[:0]
	for _, opaque := range p.ready {
		p.sent[opaque] = now
		p.out = append(p.out, p.frames[opaque]...)
	}
	p.ready = p.ready[:0]
	if len(p.out) <= inlineWrite {
		return p.send()
	}
	p.writing = make(chan error, 1)
	go func(done chan<- error) { done <- p.send() }(p.writing)
	return nil
}

// written waits for the write under way.
func (p *pipeline) written() error {
	if p.writing == nil {
		return nil
	}
	err := <-p.writing
	p.writing = nil
	return err
}

func (p *pipeline) send() error {
	if _, err := p.nc.Write(p.out); err != nil {
		return fmt.Errorf("peers: raw: %w", err)
	}
	return nil
}

// read waits for answers, and returns the opaque numbers of all that have come.
// Their frames are ready again.
func (p *pipeline) read() ([]int32, error) {
	from := len(p.ready)
	for len(p.ready) == from {
		if cap(p.buffer)-len(p.buffer) < readSize {
			p.buffer = append(make([]byte, 0, 2*len(p.buffer)+2*readSize), p.buffer...)
		}
		n, err := p.nc.Read(p.buffer[len(p.buffer):cap(p.buffer)])
		if err != nil {
			return nil, fmt.Errorf("peers: raw: %w", err)
		}
		p.buffer = p.buffer[:len(p.buffer)+n]
		if err := p.take(); err != nil {
			return nil, err
		}
	}
	return p.ready[from:], nil
}

// refuse notes that a busy broker did not want a frame, which is sent again like
// all others.
func (p *pipeline) refuse(refusal error) {
	p.failed += int64(p.perFrame)
	if p.refusal == nil {
		p.refusal = refusal
	}
}

// take moves the whole frames of the buffer to ready.
func (p *pipeline) take() error {
	rest := p.buffer
	for len(rest) >= headers.FrameLengthSize {
		size := int(binary.BigEndian.Uint32(rest))
		if len(rest) < headers.FrameLengthSize+size {
			break
		}
		opaque, refusal, err := answered(rest[headers.FrameLengthSize:][:size])
		if err != nil {
			return err
		}
		if refusal != nil {
			p.refuse(refusal)
		}
		if opaque < 0 || int(opaque) >= len(p.frames) {
			return fmt.Errorf("peers: raw: an answer to request %d, which was never sent", opaque)
		}
		p.ready = append(p.ready, opaque)
		rest = rest[headers.FrameLengthSize+size:]
	}
	p.buffer = p.buffer[:copy(p.buffer, rest)]
	return nil
}
