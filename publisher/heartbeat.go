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

// searchPause is the time between a failed search for the brokers that may ask
// about transactions, or the loss of the connection to one, and the next search.
// It doubles with each failure until maxSearchPause.
const (
	searchPause    = time.Second
	maxSearchPause = 5 * time.Second
)

// heart tells brokers that the producer lives: each broker when the connection
// to it is new, and all brokers of the topics in use every HeartbeatInterval. A
// producer that answers checks of transactions makes itself known as well to the
// brokers that have some, before it sends anything.
// One goroutine does it, run, ended by stop.
type heart struct {
	p        *Publisher
	clientID string
	data     []byte

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{} // one slot: newcomers has entries
	lost   chan struct{} // one slot: a connection was lost that has to come back

	mu        sync.Mutex // guards newcomers, beating and checking
	newcomers []string
	beating   []string // whom a heartbeat is under way to
	checking  []string // the brokers of the cluster, if any of them may ask
}

func newHeart(p *Publisher) (*heart, error) {
	clientID := newClientID()
	data := headers.HeartbeatData{ClientID: clientID, Producers: []headers.ProducerData{{Group: p.cfg.ProducerGroup}}}
	encoded, err := data.Encode()
	if err != nil {
		return nil, err
	}
	h := &heart{p: p, clientID: clientID, data: encoded, done: make(chan struct{}), kick: make(chan struct{}, 1), lost: make(chan struct{}, 1)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
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
	search := time.NewTimer(0)
	defer search.Stop()
	pause := searchPause
	checks := h.p.cfg.Transaction.Check != nil
	if !checks {
		search.Stop()
	}
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
			h.p.outboxes.sweep()
			if checks && h.search() {
				pause = searchPause
			}
			h.beat(h.brokers())
		case <-search.C:
			if !h.search() {
				search.Reset(pause)
				pause = min(2*pause, maxSearchPause)
				continue
			}
			pause = searchPause
			h.beat(h.brokers())
		case <-h.lost:
			if checks {
				search.Reset(searchPause)
			}
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

// lose asks for a heartbeat to a broker whose connection was lost: it may have
// transactions to ask about, and asks those only that it has heard of. It does
// not block.
func (h *heart) lose(addr string) {
	h.mu.Lock()
	expected := slices.Contains(h.beating, addr) // see greet
	h.mu.Unlock()
	if expected {
		return
	}
	select {
	case h.lost <- struct{}{}:
	default:
	}
}

// search looks for the brokers that may have transactions of the group: those of
// Config.Transaction.Topics, whose routes it keeps in the table, or all of the
// cluster. It reports whether all were found.
func (h *heart) search() bool {
	ctx, cancel := context.WithTimeout(h.ctx, heartbeatTimeout)
	defer cancel()
	topics := h.p.cfg.Transaction.Topics
	for _, topic := range topics {
		mapped, err := h.p.mapTopic(topic)
		if err == nil {
			_, err = h.p.routes.Route(ctx, mapped.Name)
		}
		if err != nil {
			h.unfound(err)
			return false
		}
	}
	if len(topics) > 0 {
		return true
	}
	brokers, err := h.p.routes.ClusterBrokers(ctx)
	if err != nil {
		h.unfound(err)
		return false
	}
	addrs := make([]string, len(brokers))
	for i, b := range brokers {
		addrs[i] = b.Addr
	}
	h.mu.Lock()
	h.checking = addrs
	h.mu.Unlock()
	return len(addrs) > 0
}

func (h *heart) unfound(err error) {
	if h.ctx.Err() == nil {
		h.p.logger.Info("Cannot find the RocketMQ brokers that may ask about transactions", watermill.LogFields{"err": err.Error()})
	}
}

func (h *heart) brokers() []string {
	h.mu.Lock()
	addrs := slices.Clone(h.checking)
	h.mu.Unlock()
	for _, b := range h.p.routes.Brokers() {
		if !slices.Contains(addrs, b.Addr) {
			addrs = append(addrs, b.Addr)
		}
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
