package child

import "syscall"

// attributes makes the kernel end the child with its parent, and keeps the
// interrupt key of a terminal from ending it before its parent has tidied up.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
