//go:build unix

package subscriber_test

import "syscall"

// pause freezes the process, resume lets it go on.
func (c *child) pause() error  { return c.cmd.Process.Signal(syscall.SIGSTOP) }
func (c *child) resume() error { return c.cmd.Process.Signal(syscall.SIGCONT) }
