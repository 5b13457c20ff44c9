//go:build unix

package realbroker

import (
	"fmt"
	"syscall"
)

// pause freezes the process: its connections stay open and go silent.
func (p *process) pause() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("cannot pause %s: %w", p.name, err)
	}
	return nil
}

func (p *process) resume() error {
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("cannot resume %s: %w", p.name, err)
	}
	return nil
}
