// Package delivery hands messages out on the channel of a subscription, and learns what
// became of them.
//
//	broker -> engine (a Source) -> Lane.Put -> the channel -> handler
//	                    ^                                        |
//	                    '---- Ack, Nack, Release, Renew <- Lane -' Ack or Nack
//
// An engine takes messages from brokers, for as many as the Budget has room, and puts
// them into a Lane. A Lane hands them out in that order, without limit or, for ordered
// subscriptions, one at a time, and tells the Source of each message once what became of
// it. An Output has the channel, the lanes and the Budget of one subscription.
//
// The package knows nothing of brokers and requests. A message that is nacked is handed
// out again by its Lane after a pause, or is given back to its Source, or becomes a dead
// letter, as the Redelivery says.
package delivery
