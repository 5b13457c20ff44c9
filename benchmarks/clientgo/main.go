// Command clientgo consumes or produces with rocketmq-client-go, for tests that want
// another Go client on the same topics and groups. It is in this module because the
// library must not depend on that client.
//
//	clientgo consume -nameservers A,B -group G -topic T   until its standard input ends
//	clientgo produce -nameservers A,B -topic T -count N
//
// What it is given, or the results of what it has sent, it prints as JSON objects, one a
// line, with the names that the Java witness of internal/realbroker uses for the same.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

func main() {
	rlog.SetLogLevel("error")
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: clientgo consume|produce FLAGS")
	}
	lines := &printer{out: json.NewEncoder(out)}
	switch args[0] {
	case "consume":
		return consume(args[1:], in, lines)
	case "produce":
		return produce(args[1:], lines)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// printer prints a line for each object. It may be used by several goroutines.
type printer struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (p *printer) print(line any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Encode(line)
}
