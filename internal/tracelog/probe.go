// Package tracelog finds out whether anybody reads log lines at trace level, which no
// method of a watermill.LoggerAdapter tells.
package tracelog

import (
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
)

// Probe is the value of a field of one line at trace level. Adapters write out the values
// of a line that somebody reads, and not those of another. It is safe for concurrent use.
type Probe struct{ read atomic.Bool }

// Read reports whether the line was written out: adapters may do so later than Begin.
func (p *Probe) Read() bool { return p.read.Load() }

// String is called when the line is written out.
func (p *Probe) String() string {
	p.read.Store(true)
	return "trace"
}

// MarshalText is the same for adapters that encode.
func (p *Probe) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Begin writes the line.
func (p *Probe) Begin(logger watermill.LoggerAdapter, text string) {
	if _, ok := logger.(*watermill.CaptureLoggerAdapter); ok {
		p.read.Store(true) // it keeps values as they are
	}
	logger.Trace(text, watermill.LogFields{"log_level": p})
}
