// Command rocketmq runs a real RocketMQ cluster on this machine, made of jars
// that Maven fetches, until it is interrupted. It prints the address of the name
// server, and with -acl, -tls and -proxy what a client has to know then. Everything the
// cluster stored is gone when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run does what the arguments say until ctx ends.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("rocketmq", flag.ContinueOnError)
	flags.SetOutput(log)
	fetch := flags.Bool("fetch", false, "only fetch the jars of the versions that the tests run on")
	check := flags.Bool("check", false, "only say what this machine lacks for the tests with real brokers")
	version := flags.String("version", realbroker.Versions()[0], "the version of RocketMQ to run")
	brokers := flags.Int("brokers", 1, "the number of brokers, all masters")
	acl := flags.Bool("acl", false, "brokers want signed requests; the user is printed")
	proxy := flags.Bool("proxy", false, "add a RocketMQ Proxy in cluster mode, of 5.x; its remoting address is printed")
	secure := flags.Bool("tls", false, "servers have a certificate; the file of its authority is printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *check {
		if err := realbroker.Available(); err != nil {
			fmt.Fprintf(log, "*** REAL BROKER TESTS DO NOT RUN: %v ***\n", err)
		}
		return nil
	}
	if *fetch {
		return fetchAll(ctx, log)
	}
	// Impatient, as brokers are by default: whoever tries something with one wants that.
	cfg := realbroker.Config{Version: *version, Brokers: *brokers, Impatient: true, Proxy: *proxy}
	if *acl {
		cfg.ACL = &realbroker.ACL{}
	}
	var authority string
	if *secure {
		dir, err := os.MkdirTemp("", "watermill-rocketmq-tls-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if cfg.TLS, authority, err = certificates(dir); err != nil {
			return err
		}
	}
	cluster, err := realbroker.Launch(ctx, cfg, logTo(log))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "name server: %s\n", strings.Join(cluster.NameServers(), ";"))
	if *proxy {
		fmt.Fprintf(out, "proxy: %s\n", cluster.Proxy())
	}
	if *acl {
		user := realbroker.Superuser()
		fmt.Fprintf(out, "access key: %s\nsecret key: %s\n", user.Name, user.Secret)
	}
	if *secure {
		fmt.Fprintf(out, "certificate authority: %s\n", authority)
	}
	fmt.Fprintln(log, "Interrupt (Ctrl-C) ends it.")
	<-ctx.Done()
	return cluster.Close()
}

// certificates writes an authority and a certificate of the servers into dir.
func certificates(dir string) (servers *realbroker.TLS, authorityFile string, err error) {
	authority, err := testcert.NewAuthority()
	if err != nil {
		return nil, "", err
	}
	own, err := authority.Issue()
	if err != nil {
		return nil, "", err
	}
	servers = &realbroker.TLS{}
	if servers.CertFile, servers.KeyFile, err = testcert.Write(dir, "server", own); err != nil {
		return nil, "", err
	}
	authorityFile, err = testcert.WriteAuthority(dir, authority)
	return servers, authorityFile, err
}

func fetchAll(ctx context.Context, log io.Writer) error {
	for _, version := range realbroker.Versions() {
		if err := realbroker.Fetch(ctx, version); err != nil {
			return err
		}
		if err := realbroker.FetchProxy(ctx, version); err != nil {
			return err
		}
		fmt.Fprintf(log, "RocketMQ %s is here\n", version)
	}
	// Some tests want a 5.x from before 5.3, and the first one with recall.
	for _, version := range []string{"5.1.4", "5.3.3"} {
		if err := realbroker.Fetch(ctx, version); err != nil {
			return err
		}
		fmt.Fprintf(log, "RocketMQ %s is here\n", version)
	}
	return nil
}

func logTo(w io.Writer) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}
