// Package example has what all examples begin with, so that they show the rest.
package example

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"os"
	"os/signal"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// Main parses the flags and runs an example on the cluster that -nameserver names.
// Without that flag it starts an embedded one with the given options, in this process.
// An interrupt ends the context. Main ends the program where run fails. Of what is
// logged only warnings and errors are shown, on the standard error.
func Main(run func(ctx context.Context, cluster rocketmq.Cluster) error, options ...embedded.Option) {
	nameServer := flag.String("nameserver", "", "host:port of a RocketMQ name server; empty starts an embedded broker")
	flag.Parse()
	slog.SetLogLoggerLevel(slog.LevelWarn)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := onCluster(ctx, *nameServer, run, options)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func onCluster(ctx context.Context, nameServer string, run func(ctx context.Context, cluster rocketmq.Cluster) error, options []embedded.Option) error {
	if nameServer != "" {
		return run(ctx, rocketmq.Cluster{NameServers: []string{nameServer}})
	}
	cluster, err := embedded.Start(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	return run(ctx, cluster.Config())
}
