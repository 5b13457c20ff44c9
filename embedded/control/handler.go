package control

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// Config sets up a Handler. The zero value is ready.
type Config struct {
	// Hosts are further names by which browsers and clients may call the port, without a
	// port number, such as that of a container: names, and IPv4 or IPv6 addresses, with or
	// without brackets. localhost, 127.0.0.1 and what else is loopback are always allowed,
	// and with Listen the address that it listens on.
	Hosts []string
}

// Validate says what is wrong with the configuration, nil if nothing is.
func (c Config) Validate() error {
	var faults []error
	for _, host := range c.Hosts {
		_, _, withPort := net.SplitHostPort(host)
		name := hostName(host)
		_, noAddr := netip.ParseAddr(name)
		if withPort == nil || name == "" || strings.ContainsAny(name, "/ *") || noAddr != nil && strings.ContainsAny(name, "[]:") {
			faults = append(faults, fmt.Errorf("control: Hosts: %q is no name of a host, without a port", host))
		}
	}
	return errors.Join(faults...)
}

// Handler answers with the page and with JSON. It is safe for concurrent use. Close it
// before the cluster.
type Handler struct {
	cluster   *embedded.Cluster
	guard     guard
	faults    *faults
	routes    []route
	templates map[string]*template.Template // of pages
	since     time.Time
	turn      turn            // of who starts and stops servers
	life      context.Context // ends when the Handler closes, and with it what requests wait for
	end       context.CancelFunc
	underWay  sync.WaitGroup // requests

	mu     sync.Mutex // guards closed, so that no request begins once Close waits
	closed bool
}

// New makes a Handler for a cluster. Any number of them may be made for one.
func New(cluster *embedded.Cluster, cfg Config) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	templates, err := parse()
	if err != nil {
		return nil, err
	}
	h := &Handler{cluster: cluster, guard: newGuard(cfg.Hosts), faults: newFaults(cluster), templates: templates, since: time.Now(), turn: make(turn, 1)}
	h.life, h.end = context.WithCancel(context.Background())
	h.routes = append(h.api(), h.pages()...)
	return h, nil
}

// Close removes the faults that were asked for here, refuses further requests with 503, and
// waits for those under way. What they wait for by themselves ends at once, such as rates and
// searches; how long they may read and write is up to the time-outs of the http.Server. Once
// Close returns, nothing here uses the cluster. Brokers stay as they are. It may be called
// more than once.
func (h *Handler) Close() {
	h.stop()
	h.underWay.Wait()
}

// stop is Close without waiting.
func (h *Handler) stop() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.faults.close()
}

// enter lets a request begin, whose context ends with the Handler too. leave has to be
// called when it is answered.
func (h *Handler) enter(r *http.Request) (entered *http.Request, leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, refuse(http.StatusServiceUnavailable, "the server is closed")
	}
	h.underWay.Add(1)
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(h.life, cancel)
	return r.WithContext(ctx), func() {
		stop()
		cancel()
		h.underWay.Done()
	}, nil
}

// gone is why a request is not answered whose context has ended.
func gone(ctx context.Context) error {
	return refuse(http.StatusServiceUnavailable, "the server is closing, or nobody waits: %v", context.Cause(ctx))
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	c := &call{w: w, r: r}
	if err := h.guard.check(r); err != nil {
		c.fail(err)
		return
	}
	r, leave, err := h.enter(r)
	if err != nil {
		c.fail(err)
		return
	}
	defer leave()
	c.r = r
	answer, err := find(h.routes, c)
	if err == nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err = answer(c)
	}
	if err != nil {
		c.fail(err)
	}
}
