//go:build !unix

package realbroker

import (
	"errors"
	"fmt"
)

func (p *process) pause() error {
	return fmt.Errorf("cannot pause %s: %w", p.name, errors.ErrUnsupported)
}

func (p *process) resume() error {
	return fmt.Errorf("cannot resume %s: %w", p.name, errors.ErrUnsupported)
}
