// Package memnet is a network in memory: clients reach servers of the same process
// without sockets, over connections that buffer and have deadlines as those of TCP do.
// Inside a testing/synctest bubble, who waits for such a connection counts as blocked.
package memnet
