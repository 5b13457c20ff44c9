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

// Main parses the flags and runs an example on the cluster that -nameserver names, with
// -namespace in a namespace of its topics and groups. Without -nameserver it starts an
// embedded cluster with the given options, in this process.
// An interrupt ends the context. Main ends the program where run fails. Of what is
// logged only warnings and errors are shown, on the standard error.
func Main(run func(ctx context.Context, cluster rocketmq.Cluster) error, options ...embedded.Option) {
	nameServer := flag.String("nameserver", "", "host:port of a RocketMQ name server; empty starts an embedded broker")
	namespace := flag.String("namespace", "", "keeps the example's topics and groups apart from others on the cluster; empty for none")
	flag.Parse()
	slog.SetLogLoggerLevel(slog.LevelWarn)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := onCluster(ctx, *nameServer, *namespace, run, options)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func onCluster(ctx context.Context, nameServer, namespace string, run func(ctx context.Context, cluster rocketmq.Cluster) error, options []embedded.Option) error {
	if nameServer != "" {
		return run(ctx, rocketmq.Cluster{NameServers: []string{nameServer}, Namespace: namespace})
	}
	cluster, err := embedded.Start(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	config := cluster.Config()
	config.Namespace = namespace
	return run(ctx, config)
}
