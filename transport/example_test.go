package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// A peer in memory answers one request and hangs up at the next.
func ExampleClient_Invoke() {
	dial := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if frame, err := nextFrame(theirs); err == nil {
				request, _ := headers.ParseFrame(frame)
				answer, _ := headers.AppendResponse(nil, headers.JSON, request.Opaque, headers.Success, "", nil, []byte("pong"))
				_, _ = theirs.Write(answer)
			}
			_, _ = nextFrame(theirs)
		}()
		return ours, nil
	}
	client, err := transport.New(transport.Config{Dial: dial})
	if err != nil {
		panic(err)
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := client.Invoke(ctx, "broker-a:10911", headers.Heartbeat{}, []byte("ping"))
	fmt.Println(string(answer.Body), answer.Err(), err)

	_, err = client.Invoke(ctx, "broker-a:10911", headers.Heartbeat{}, []byte("ping"))
	var failed *transport.OpError
	if errors.As(err, &failed) {
		fmt.Println(failed)
		fmt.Println("received, for all we know:", failed.Sent)
	}
	// Output:
	// pong <nil> <nil>
	// transport: read broker-a:10911: closed by the peer: EOF (request may have been received)
	// received, for all we know: true
}
