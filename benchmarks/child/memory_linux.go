package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// ForgetPeak makes PeakMemory count from now on.
func (p *Process) ForgetPeak() error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0); err != nil {
		return fmt.Errorf("child: peak memory of %s: %w", p.name, err)
	}
	return nil
}

// PeakMemory is the most memory in bytes that the process has had resident
// (VmHWM), -1 if unknown.
func (p *Process) PeakMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return -1, fmt.Errorf("child: peak memory of %s: %w", p.name, err)
	}
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == "VmHWM:" {
			kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err != nil {
				return -1, fmt.Errorf("child: peak memory of %s: %w", p.name, err)
			}
			return kib << 10, nil
		}
	}
	return -1, fmt.Errorf("child: peak memory of %s: no VmHWM", p.name)
}
