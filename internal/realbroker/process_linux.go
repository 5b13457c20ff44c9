package realbroker

import "syscall"

// sysProcAttr keeps the interrupt key of a terminal, which goes to a whole
// process group, from ending the servers under a test that is still cleaning
// up, and makes the kernel kill them when the test process dies without that.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
