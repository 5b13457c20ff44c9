// Package store is the folder of a broker, in RocketMQ's own files, so that a real broker
// can open what ours has left behind, and the other way round (DefaultMessageStore of 4.9.7
// and 5.5.0). Its log is the truth: queues and index are made of it when the folder is
// opened, are kept in memory, and are written when it is closed in good order. While it is
// open, and after a crash, the folder has neither, as a real broker makes both of the log
// then. See docs/decisions/0033-store.md.
package store
