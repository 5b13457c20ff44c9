//go:build !unix

package realbroker

import "syscall"

func sysProcAttr() *syscall.SysProcAttr {
	return nil
}
