// Package growth measures how the cost of Publish grows with goroutines, topics,
// queues and brokers, on the embedded broker in the same process: the figures
// hold the broker's share too, and only their course counts.
package growth
