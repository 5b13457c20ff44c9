package child

import (
	"encoding/json"
	"fmt"
	"time"
)

// Dialogue is a talk with a process that reads and writes one JSON value a line. It is
// for one goroutine.
type Dialogue struct {
	*Process
	answers *json.Decoder
}

// NewDialogue makes the process's input and output a dialogue. Nothing else may use
// them from then on.
func NewDialogue(p *Process) *Dialogue { return &Dialogue{p, json.NewDecoder(p.Out)} }

// Tell writes a value.
func (d *Dialogue) Tell(value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("child: %s: %w", d.name, err)
	}
	if _, err := d.In.Write(append(line, '\n')); err != nil {
		return d.Lost(err)
	}
	return nil
}

// Hear reads a value. A process that takes longer is killed.
func (d *Dialogue) Hear(value any, longest time.Duration) error {
	timer := time.AfterFunc(longest, d.Kill)
	defer timer.Stop()
	if err := d.answers.Decode(value); err != nil {
		return d.Lost(err)
	}
	return nil
}
