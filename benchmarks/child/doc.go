// Package child runs the processes of a comparison and sees to their end: when
// they are told to, when the context ends, and when this process dies.
package child
