//go:build unix

package examples

import "syscall"

// quit has a Go program print its goroutines and end.
const quit = syscall.SIGQUIT
