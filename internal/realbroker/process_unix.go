//go:build unix && !linux

package realbroker

import "syscall"

// sysProcAttr keeps the interrupt key of a terminal, which goes to a whole
// process group, from ending the servers under a test that is still cleaning
// up. Nothing ends them here when the test process is killed.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
