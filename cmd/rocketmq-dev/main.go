// Command rocketmq-dev is a RocketMQ for development and tests: a name server and brokers in
// one process that is up in milliseconds, for clients in Java, Go and other languages.
//
//	go run github.com/watermill-rocketmq/watermill-rocketmq/cmd/rocketmq-dev@latest
//
// When it takes connections it prints one line to the standard output, two with -http, which a
// shell can evaluate and clients and mqadmin find in their environment:
//
//	NAMESRV_ADDR=127.0.0.1:9876
//	CONTROL_URL=http://127.0.0.1:8081/
//
// It logs to the standard error, runs until it gets SIGTERM or SIGINT, and ends in order. A
// second signal ends it at once. The flag -h lists its flags and exit codes.
//
// What it stores is in memory, or with -data in a folder, in RocketMQ's own files. Package
// embedded says what it does as real brokers do, and what it does not model.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the next signal ends the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
