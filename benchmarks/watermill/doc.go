// Command watermill puts the load of Watermill's own benchmark
// (ThreeDotsLabs/watermill-benchmark) on this Pub/Sub: all messages of a size are published
// to a new topic by 64 goroutines, one message a call, and then a router consumes all of
// them. What it finds can stand in the table of that benchmark.
//
//	go run -C benchmarks ./watermill                              # on a real broker that it starts; needs Java and Maven
//	go run -C benchmarks ./watermill -nameserver 127.0.0.1:9876   # on one that is there
//	go run -C benchmarks ./watermill -pubsub gochannel            # Watermill's GoChannel, to compare machines
//
// Unlike that benchmark it counts each message once, however often it is delivered, and
// says how many came more than once.
package main
