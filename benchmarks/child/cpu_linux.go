package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of processor times in /proc (USER_HZ, 100 on all that Go runs on).
const tick = 10 * time.Millisecond

// CPU is the processor time that a process has used since its start, system time and
// ended threads included.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("child: processor time: %w", err)
	}
	// The name, in brackets, may have blanks. Behind it are the fields from the third on;
	// user and system time are the 14th and the 15th (proc_pid_stat).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("child: processor time: %d fields in stat of process %d", len(fields), pid)
	}
	var total time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("child: processor time: %w", err)
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}
