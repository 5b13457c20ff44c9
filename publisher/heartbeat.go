package publisher

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/google/uuid"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// heartbeatTimeout bounds one heartbeat.
	heartbeatTimeout = 3 * time.Second
	// goodbyeTimeout bounds the goodbye to all brokers. They forget a producer whose
	// connection ends as well (ClientHousekeepingService, 5.5.0), so there is not
	// much to be gained by waiting.
	goodbyeTimeout = time.Second
)

// heart tells brokers that the producer lives: each broker when the connection
// to it is new, and all brokers of the topics in use every HeartbeatInterval.
// One goroutine does it, started by startHeart and ended by stop.
type heart struct {
	p        *Publisher
	clientID string
	data     []byte

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{} // one slot: newcomers has entries

	mu        sync.Mutex // guards newcomers and beating
	newcomers []string
	beating   []string // whom a heartbeat is under way to
}

func startHeart(p *Publisher) (*heart, error) {
	clientID := newClientID()
	data := headers.HeartbeatData{ClientID: clientID, Producers: []headers.ProducerData{{Group: p.cfg.ProducerGroup}}}
	encoded, err := data.Encode()
	if err != nil {
		return nil, err
	}
	h := &heart{p: p, clientID: clientID, data: encoded, done: make(chan struct{}), kick: make(chan struct{}, 1)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	go h.run()
	return h, nil
}

// newClientID returns host@pid#random. The random part keeps two publishers of a
// process apart, and two containers with equal host names and process ids.
func newClientID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // a label for people; the rest makes it unique
	}
	return fmt.Sprintf("%s@%d#%s", host, os.Getpid(), uuid.NewString())
}

func (h *heart) run() {
	defer close(h.done)
	ticker := time.NewTicker(h.p.cfg.HeartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
			h.p.outboxes.sweep()
			h.beat(h.brokers())
		case <-h.kick:
			h.mu.Lock()
			newcomers := h.newcomers
			h.newcomers = nil
			h.mu.Unlock()
			brokers := h.brokers()
			// A name server is a newcomer as well, and knows no heartbeats.
			h.beat(slices.DeleteFunc(newcomers, func(addr string) bool { return !slices.Contains(brokers, addr) }))
		}
	}
}

// greet asks for a heartbeat to a broker that has just been connected to. It
// does not block.
func (h *heart) greet(addr string) {
	h.mu.Lock()
	// A connection that a heartbeat has opened carries that heartbeat. To ask for
	// another would never end with a broker that hangs: each heartbeat that times
	// out costs the connection, so that the next one opens a new one.
	expected := slices.Contains(h.beating, addr)
	if !expected {
		h.newcomers = append(h.newcomers, addr)
	}
	h.mu.Unlock()
	if expected {
		return
	}
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

func (h *heart) brokers() []string {
	var addrs []string
	for _, b := range h.p.routes.Brokers() {
		addrs = append(addrs, b.Addr)
	}
	return addrs
}

// beat sends a heartbeat to each address, side by side, so that a dead broker
// delays the next beat by heartbeatTimeout at most, and no other broker's.
func (h *heart) beat(addrs []string) {
	h.setBeating(addrs)
	h.each(h.ctx, heartbeatTimeout, addrs, headers.Heartbeat{}, h.data)
	h.setBeating(nil)
}

func (h *heart) setBeating(addrs []string) {
	h.mu.Lock()
	h.beating = addrs
	h.mu.Unlock()
}

// each sends a request to every address at once and waits for all answers. What
// fails is logged: nobody waits for it, and the next beat is the next try.
func (h *heart) each(ctx context.Context, limit time.Duration, addrs []string, r headers.Request, body []byte) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var wg sync.WaitGroup
	for _, addr := range addrs {
		wg.Go(func() {
			answer, err := h.p.client.Invoke(ctx, addr, r, body)
			if err == nil {
				err = answer.Err()
			}
			if err != nil && h.ctx.Err() == nil {
				h.p.logger.Debug("Cannot reach RocketMQ broker", watermill.LogFields{
					"addr": addr, "request": r.RequestCode().String(), "err": err.Error(),
				})
			}
		})
	}
	wg.Wait()
}

// stop ends the heart's goroutine and waits for it.
func (h *heart) stop() {
	h.cancel()
	<-h.done
}

// unregister says goodbye to every broker that is connected, in that time. One that does not
// answer finds out by the closed connection.
func (h *heart) unregister(limit time.Duration) {
	if limit <= 0 {
		return
	}
	connected := h.p.client.Connected()
	addrs := slices.DeleteFunc(h.brokers(), func(addr string) bool { return !slices.Contains(connected, addr) })
	h.each(context.Background(), limit, addrs, &headers.UnregisterClient{ClientID: h.clientID, ProducerGroup: h.p.cfg.ProducerGroup}, nil)
}
