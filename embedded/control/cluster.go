package control

import (
	"context"
	"net/http"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// clusterState is the answer to GET /v1/cluster.
type clusterState struct {
	Version     string            `json:"version"`
	Now         time.Time         `json:"now"`
	NameServers []nameServerState `json:"nameServers"`
	Brokers     []brokerState     `json:"brokers"`
}

type nameServerState struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	Running     bool   `json:"running"`
	Connections int    `json:"connections"`
}

type brokerState struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	Running     bool   `json:"running"`
	Condition   string `json:"condition"`
	Connections int    `json:"connections"`
	// Requests counts requests since Start, by the names of their codes.
	Requests map[string]int `json:"requests"`
}

func (h *Handler) clusterState() clusterState {
	stats := h.cluster.Stats()
	s := clusterState{Version: h.cluster.Version().String(), Now: h.cluster.Now()}
	for i := range h.cluster.NameServers() {
		n := h.cluster.NameServer(i)
		s.NameServers = append(s.NameServers, nameServerState{n.Name(), n.Addr(), n.Running(), stats[n.Name()].Open})
	}
	for _, b := range h.cluster.Brokers() {
		requests := make(map[string]int)
		for code, n := range stats[b.Name()].Requests {
			requests[code.String()] += n
		}
		s.Brokers = append(s.Brokers, brokerState{b.Name(), b.Addr(), b.Running(), nameOf(b.Condition()), stats[b.Name()].Open, requests})
	}
	return s
}

func (h *Handler) getCluster(c *call) error { return reply(c, http.StatusOK, h.clusterState()) }

// conditions are the names of conditions.
func conditions() map[string]embedded.Condition {
	return map[string]embedded.Condition{
		"well": embedded.Well, "busy": embedded.Busy, "diskFull": embedded.DiskFull,
		"goingAway": embedded.GoingAway, "hanging": embedded.Hanging,
	}
}

func nameOf(condition embedded.Condition) string {
	for name, c := range conditions() {
		if c == condition {
			return name
		}
	}
	return "unknown"
}

func (h *Handler) broker(name string) (*embedded.Broker, error) {
	for _, b := range h.cluster.Brokers() {
		if b.Name() == name {
			return b, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no broker %.256q", name)
}

func (h *Handler) nameServer(name string) (*embedded.NameServer, error) {
	for i := range h.cluster.NameServers() {
		if n := h.cluster.NameServer(i); n.Name() == name {
			return n, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no name server %.256q", name)
}

// turn is a token that one request at a time has, to start and stop servers: of two that
// start one, the second finds it started.
type turn chan struct{}

// take waits for the turn, which has to be given back, or returns why there is none.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return gone(ctx)
	}
}

func (t turn) give() { <-t }

// inTurn does something when it is the call's turn.
func (h *Handler) inTurn(c *call, do func() error) error {
	if err := h.turn.take(c.r.Context()); err != nil {
		return err
	}
	defer h.turn.give()
	return do()
}

// onBroker is an endpoint that starts or ends the broker of the path.
func (h *Handler) onBroker(do func(*embedded.Broker) error) endpoint {
	return func(c *call) error {
		b, err := h.broker(c.args["broker"])
		if err == nil {
			err = c.empty()
		}
		if err == nil {
			err = h.inTurn(c, func() error { return do(b) })
		}
		if err != nil {
			return err
		}
		return c.done()
	}
}

// startBroker does nothing to a broker that runs.
func startBroker(b *embedded.Broker) error {
	if b.Running() {
		return nil
	}
	return notStarted(b.Start())
}

func notStarted(err error) error {
	if err == nil {
		return nil
	}
	return refuse(http.StatusConflict, "%v", err)
}

func stopBroker(b *embedded.Broker) error {
	b.Stop()
	return nil
}

func killBroker(b *embedded.Broker) error {
	b.Kill()
	return nil
}

func (h *Handler) dropConnections(c *call) error {
	b, err := h.broker(c.args["broker"])
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return err
	}
	b.DropConnections()
	return c.done()
}

func (h *Handler) setCondition(c *call) error {
	b, err := h.broker(c.args["broker"])
	if err != nil {
		return err
	}
	var body struct {
		Condition string `json:"condition"`
	}
	if err := decode(c, &body, false); err != nil {
		return err
	}
	condition, ok := conditions()[body.Condition]
	if !ok {
		return refuse(http.StatusBadRequest, "condition has to be well, busy, diskFull, goingAway or hanging, not %.64q", body.Condition)
	}
	b.SetCondition(condition)
	return c.done()
}

// onNameServer is an endpoint that starts or stops the name server of the path.
func (h *Handler) onNameServer(do func(*embedded.NameServer) error) endpoint {
	return func(c *call) error {
		n, err := h.nameServer(c.args["server"])
		if err == nil {
			err = c.empty()
		}
		if err == nil {
			err = h.inTurn(c, func() error { return do(n) })
		}
		if err != nil {
			return err
		}
		return c.done()
	}
}

// startNameServer does nothing to a name server that runs.
func startNameServer(n *embedded.NameServer) error {
	if n.Running() {
		return nil
	}
	return notStarted(n.Start())
}

func stopNameServer(n *embedded.NameServer) error {
	n.Stop()
	return nil
}

// reset brings all servers back in the state that they were started in. Time that has
// passed, topics and messages stay.
func (h *Handler) reset(c *call) error {
	if err := c.empty(); err != nil {
		return err
	}
	h.faults.removeAll()
	if err := h.inTurn(c, h.startAll); err != nil {
		return err
	}
	return c.done()
}

func (h *Handler) startAll() error {
	for i := range h.cluster.NameServers() {
		if err := startNameServer(h.cluster.NameServer(i)); err != nil {
			return err
		}
	}
	for _, b := range h.cluster.Brokers() {
		b.SetCondition(embedded.Well)
		if err := startBroker(b); err != nil {
			return err
		}
	}
	return nil
}

// maxAdvance is how far one request moves the clock on: what waits for times on the way
// is worked off before the answer.
const maxAdvance = 7 * 24 * time.Hour

// clockState is the answer to POST /v1/clock/advance.
type clockState struct {
	Now time.Time `json:"now"`
}

func (h *Handler) advance(c *call) error {
	var body struct {
		Millis int64 `json:"millis"`
	}
	if err := decode(c, &body, false); err != nil {
		return err
	}
	if body.Millis <= 0 || body.Millis > maxAdvance.Milliseconds() {
		return refuse(http.StatusBadRequest, "millis has to be from 1 to %d, not %d", maxAdvance.Milliseconds(), body.Millis)
	}
	h.cluster.Advance(time.Duration(body.Millis) * time.Millisecond)
	return reply(c, http.StatusOK, clockState{h.cluster.Now()})
}
