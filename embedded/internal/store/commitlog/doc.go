// Package commitlog keeps the messages of a broker in RocketMQ's own files: one record after
// the other, in files of one size that are named after the offset of their first byte
// (CommitLog and MappedFileQueue of 4.9.7 and 5.5.0).
//
// A record that is appended gets its place at once, and is written a moment later together
// with all that came meanwhile: one write, and with Sync one fdatasync, for all who wait. Who
// has the pen writes: a goroutine of the log, or a caller that has nothing else to do.
// See docs/decisions/0033-store.md.
package commitlog
