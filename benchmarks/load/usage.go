package load

import (
	"runtime"
	"time"
)

// Usage is what the process has used since its start.
type Usage struct {
	CPU     time.Duration
	Mallocs int64
}

// UsageNow reads the process's clocks and counters.
func UsageNow() (Usage, error) {
	cpu, err := processCPU()
	if err != nil {
		return Usage{}, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{CPU: cpu, Mallocs: int64(m.Mallocs)}, nil
}

// Since returns what was used from u on.
func (u Usage) Since() (Usage, error) {
	now, err := UsageNow()
	if err != nil {
		return Usage{}, err
	}
	return Usage{CPU: now.CPU - u.CPU, Mallocs: now.Mallocs - u.Mallocs}, nil
}
