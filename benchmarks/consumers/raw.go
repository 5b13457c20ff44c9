package consumers

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// raw is the limit: requests for 32 messages on one connection, with one outstanding in
// each of some places, and answers of which only the header is read.
type raw struct {
	nameServer string
	newPlaces  func(task meter.Task, brokerName string) []place
}

// place has one request outstanding.
type place interface {
	// request is the next one, nil if there is nothing left to ask for.
	request() headers.Request
	// answer returns how many messages came.
	answer(c *headers.Command) (messages int, err error)
}

// batch is how many messages a request asks for: no broker hands out more with its
// defaults.
const batch = headers.MaxPopMessages

// Consume fetches the task's messages. There are no acknowledgements and no commits.
func (r *raw) Consume(ctx context.Context, task meter.Task, m *meter.Meter) error {
	name, addr, err := r.findBroker(ctx, task.Topic)
	if err == nil {
		err = fetch(ctx, addr, r.newPlaces(task, name), m)
	}
	if err != nil {
		return fmt.Errorf("consumers: raw: %w", err)
	}
	return nil
}

// findBroker asks for the one broker of a topic.
func (r *raw) findBroker(ctx context.Context, topic string) (name, addr string, err error) {
	client, err := transport.New(transport.Config{Serialization: headers.Binary})
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	routes, err := routing.New(routing.Config{NameServers: []string{r.nameServer}}, client)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, routes.Close()) }()
	route, err := routes.Route(ctx, topic)
	if err != nil {
		return "", "", err
	}
	b := route.Brokers()[0]
	return b.Name, b.Addr, nil
}

// fetch asks and reads until m is done. One goroutine does all of it.
func fetch(ctx context.Context, addr string, places []place, m *meter.Meter) error {
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	p := &pipe{in: bufio.NewReaderSize(nc, readSize), nc: nc}
	for i, place := range places {
		if err := p.ask(i, place.request()); err != nil {
			return err
		}
	}
	for p.outstanding > 0 {
		command, err := p.next()
		if err != nil {
			return err
		}
		if command.Opaque < 0 || int(command.Opaque) >= len(places) {
			return fmt.Errorf("an answer to request %d, which was never sent", command.Opaque)
		}
		from := places[command.Opaque]
		n, err := from.answer(&command)
		if err != nil {
			return err
		}
		m.Fetched(n)
		select {
		case <-m.Done(): // what is outstanding comes to nobody
			return nil
		default:
		}
		if err := p.ask(int(command.Opaque), from.request()); err != nil {
			return err
		}
	}
	return nil
}

// readSize is the room for what was read, and has to take the largest answer.
const readSize = 1 << 20

// pipe is a connection. Requests are written when all answers that have come were read.
type pipe struct {
	nc          net.Conn
	in          *bufio.Reader
	out         []byte
	outstanding int
	held        int // bytes of the answer that next has returned
}

// ask notes a request, unless it is nil.
func (p *pipe) ask(opaque int, rq headers.Request) (err error) {
	if rq == nil {
		return nil
	}
	p.outstanding++
	p.out, err = headers.AppendRequest(p.out, headers.Binary, int32(opaque), false, rq, nil)
	return err
}

// next returns the next answer, which is good until next is called again.
func (p *pipe) next() (headers.Command, error) {
	if _, err := p.in.Discard(p.held); err != nil {
		return headers.Command{}, err
	}
	p.held = 0
	if len(p.out) > 0 && !p.arrived() {
		if _, err := p.nc.Write(p.out); err != nil {
			return headers.Command{}, err
		}
		p.out = p.out[:0]
	}
	length, err := p.in.Peek(headers.FrameLengthSize)
	if err != nil {
		return headers.Command{}, err
	}
	size := headers.FrameLengthSize + int(binary.BigEndian.Uint32(length))
	frame, err := p.in.Peek(size)
	if err != nil {
		return headers.Command{}, err
	}
	p.held = size
	p.outstanding--
	return headers.ParseFrame(frame[headers.FrameLengthSize:])
}

// arrived reports whether a whole answer can be read without waiting.
func (p *pipe) arrived() bool {
	if p.in.Buffered() < headers.FrameLengthSize {
		return false
	}
	length, err := p.in.Peek(headers.FrameLengthSize)
	return err == nil && p.in.Buffered() >= headers.FrameLengthSize+int(binary.BigEndian.Uint32(length))
}
