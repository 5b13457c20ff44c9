// Package pull reads the queues of topics for a consumer group, as every RocketMQ does
// since before 5.0: the members of a group divide the queues among themselves, pull
// messages from those that they have, and commit for each queue the offset up to which
// all is consumed.
//
//	heartbeat -> Engine.rebalance -> a reader for each queue -> lanes -> handlers
//	                                      ^                        |
//	                     commits <- progress (window of offsets) <-'
//
// An Engine is one member of one group. It has a reader for each of its queues, and each
// reader has a goroutine and, from the time on when it knows where to begin, a progress.
// A queue that is lost, locked by another member or moved to another offset has its
// progress fenced: what is acked later is not committed.
package pull
