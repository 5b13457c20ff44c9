//go:build !linux

package child

// ForgetPeak does nothing.
func (p *Process) ForgetPeak() error { return nil }

// PeakMemory is -1: unknown.
func (p *Process) PeakMemory() (int64, error) { return -1, nil }
