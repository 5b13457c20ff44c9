package child

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Main runs a program that may be a child: run gets the arguments, the standard input, and
// the standard output, which is for answers. What libraries write to it goes to the standard
// error. The context ends with SIGINT and SIGTERM. Main exits with 1 if run fails.
func Main(run func(ctx context.Context, args []string, in io.Reader, out io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := os.Stdout
	os.Stdout = os.Stderr
	if err := run(ctx, os.Args[1:], os.Stdin, out); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
