package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

// Exit codes.
const (
	exitOK     = 0 // it ended in order
	exitFailed = 1 // it could not start, or not end in order
	exitUsage  = 2 // it does not understand its flags
)

// run does what the arguments say until ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	began := time.Now()
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // parse has said why
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	err = serve(ctx, s, stdout, log, began)
	switch {
	case errors.Is(err, embedded.ErrOptions):
		log.Error("wrong flags", "error", err)
		return exitUsage
	case err != nil:
		log.Error("failed", "error", err)
		return exitFailed
	}
	return exitOK
}

// serve runs the cluster until ctx ends.
func serve(ctx context.Context, s *settings, stdout io.Writer, log *slog.Logger, began time.Time) (err error) {
	options, err := s.options()
	if err != nil {
		return err
	}
	cluster, err := embedded.Start(options...)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, cluster.Close())
		if err == nil {
			log.Info("ended", "connections", cluster.Stats().Accepted())
		}
	}()
	for _, b := range cluster.Brokers() {
		log.Info("broker", "name", b.Name(), "listens", b.Addr(), "advertised", b.AdvertisedAddr())
		if damage := b.Damage(); damage != "" {
			log.Warn("the folder's log is damaged, or was being written when the program was killed", "name", b.Name(), "dropped", damage)
		}
	}
	log.Info("ready", "version", s.version, "data", s.place(), "nameserver", cluster.NameServers()[0], "after", time.Since(began))
	said := fmt.Sprintf("NAMESRV_ADDR=%s\n", s.reachable(cluster.NameServers()[0]))
	if s.http != "" {
		page, failure := control.Listen(cluster, s.http, control.Config{Hosts: s.httpHosts})
		if failure != nil {
			return failure
		}
		defer func() { err = errors.Join(err, page.Close()) }()
		said += fmt.Sprintf("CONTROL_URL=%s\n", page.URL())
		log.Info("page", "url", page.URL(), "listens", page.Addr())
		if tcp, ok := page.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			log.Warn("whoever reaches the page can read and remove all messages", "listens", page.Addr())
		}
	}
	if _, err := io.WriteString(stdout, said); err != nil {
		return fmt.Errorf("saying where the name server is: %w", err)
	}
	<-ctx.Done()
	log.Info("ending", "cause", context.Cause(ctx))
	return nil
}
