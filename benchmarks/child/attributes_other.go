//go:build !linux

package child

import "syscall"

// attributes is nothing here: a child ends with its input.
func attributes() *syscall.SysProcAttr { return nil }
