package realbroker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// controlDone is the whole answer to a request that was carried out. Any other is an
// error's text.
const controlDone = "done"

// control lets other processes have brokers of a cluster restarted. They ask the one
// that owns the cluster, over loopback, because only a child of its own ends with it.
// A request is the name of a broker and a line feed.
type control struct {
	cluster  *Cluster
	listener net.Listener
	cancel   context.CancelFunc
	done     chan struct{} // closed when serve has returned
}

func startControl(c *Cluster) (*control, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen for requests to restart brokers: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &control{cluster: c, listener: listener, cancel: cancel, done: make(chan struct{})}
	go k.serve(ctx)
	return k, nil
}

func (k *control) addr() string { return k.listener.Addr().String() }

// serve carries out one request after the other until close, so that two for the same
// broker do not meet.
func (k *control) serve(ctx context.Context) {
	defer close(k.done)
	for {
		conn, err := k.listener.Accept()
		if err != nil {
			return // closed
		}
		k.answer(ctx, conn)
	}
}

func (k *control) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	// Ends a read from somebody who asks nothing.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	name, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return // there is nobody to tell
	}
	answer := controlDone
	if err := k.restart(ctx, strings.TrimSuffix(name, "\n")); err != nil {
		answer = err.Error()
	}
	// Whoever has left misses only the answer.
	_, _ = io.WriteString(conn, answer)
}

func (k *control) restart(ctx context.Context, name string) error {
	for _, b := range k.cluster.allBrokers() {
		if b.server.name == name {
			return b.restart(ctx)
		}
	}
	return fmt.Errorf("there is no broker %q", name)
}

// close gives up the request under way, if there is one, and ends serve.
func (k *control) close() error {
	k.cancel()
	err := k.listener.Close()
	<-k.done
	return err
}

// RequestRestart has the broker of a cluster of another process killed and started
// again. It returns when clients can use the broker, or an error that says why they
// cannot. Address and name are those of [Broker.RestartCommand].
func RequestRestart(ctx context.Context, control, broker string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", control)
	if err != nil {
		return exported(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, broker+"\n"); err != nil {
		return exported(err)
	}
	answer, err := io.ReadAll(conn)
	switch {
	case err != nil:
		return exported(errors.Join(context.Cause(ctx), err))
	case len(answer) == 0:
		return exported(errors.New("the cluster is gone"))
	case string(answer) != controlDone:
		return exported(errors.New(string(answer)))
	}
	return nil
}
