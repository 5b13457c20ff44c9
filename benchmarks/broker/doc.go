// Package broker runs the brokers of a comparison, the null broker and the real one,
// each in a process of its own, and asks them what they have stored.
package broker
