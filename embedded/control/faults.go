package control

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// faultState is a fault that was asked for, and what became of it.
type faultState struct {
	ID string `json:"id"`
	faultSpec
	// Hits counts the requests that it has happened to.
	Hits int `json:"hits"`
	// Spent is set when it has happened as often as it was to.
	Spent bool `json:"spent"`
}

// faultList is the answer to GET /v1/faults.
type faultList struct {
	Faults []faultState `json:"faults"`
}

// maxFaults is how many faults there may be at once, spent ones included.
const maxFaults = 1000

// faults are those that were asked for here. The cluster's requests are looked at while
// there is any that is not spent.
type faults struct {
	cluster *embedded.Cluster

	mu     sync.Mutex // guards the fields below; the cluster's is taken under it
	closed bool
	last   int
	list   []*activeFault
	remove func() // of Intercept, nil while nothing is intercepted
}

type activeFault struct {
	faultState
	matcher matcher
	fault   embedded.Fault
}

func newFaults(cluster *embedded.Cluster) *faults { return &faults{cluster: cluster} }

// add has a fault happen from now on.
func (f *faults) add(spec faultSpec) (faultState, error) {
	m, fault, err := spec.compile()
	if err != nil {
		return faultState{}, err
	}
	if !f.serves(spec.Server) {
		return faultState{}, refuse(http.StatusBadRequest, "server has to be the name of a broker or a name server: there is no %.256q", spec.Server)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return faultState{}, refuse(http.StatusServiceUnavailable, "the server is closed")
	}
	if len(f.list) >= maxFaults {
		return faultState{}, refuse(http.StatusConflict, "there are %d faults: remove some", maxFaults)
	}
	f.last++
	a := &activeFault{faultState{ID: strconv.Itoa(f.last), faultSpec: spec}, m, fault}
	f.list = append(f.list, a)
	f.watch()
	return a.faultState, nil
}

// serves reports whether the cluster has a server of that name; without one it is all of
// them.
func (f *faults) serves(server string) bool {
	for i := range f.cluster.NameServers() {
		if f.cluster.NameServer(i).Name() == server {
			return true
		}
	}
	return server == "" || slices.ContainsFunc(f.cluster.Brokers(), func(b *embedded.Broker) bool { return b.Name() == server })
}

// watch intercepts requests if there is a reason to. The caller holds f.mu.
func (f *faults) watch() {
	needed := slices.ContainsFunc(f.list, func(a *activeFault) bool { return !a.Spent })
	switch {
	case needed && f.remove == nil:
		f.remove = f.cluster.Intercept(f.suffer)
	case !needed && f.remove != nil:
		f.remove()
		f.remove = nil
	}
}

// suffer finds the fault that is to happen to a request: the first one that fits.
func (f *faults) suffer(r embedded.Request) embedded.Fault {
	topics := topicsOf(&r)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.Spent || !a.matcher.fits(&r, topics) {
			continue
		}
		a.Hits++
		if a.Times > 0 && a.Hits >= a.Times {
			a.Spent = true
			f.watch()
		}
		return a.fault
	}
	return embedded.Fault{}
}

func (f *faults) all() []faultState {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]faultState, 0, len(f.list))
	for _, a := range f.list {
		list = append(list, a.faultState)
	}
	return list
}

// removeOne reports whether there was a fault of that id.
func (f *faults) removeOne(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.list)
	f.list = slices.DeleteFunc(f.list, func(a *activeFault) bool { return a.ID == id })
	f.watch()
	return len(f.list) < before
}

func (f *faults) removeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
	f.watch()
}

func (f *faults) close() {
	f.removeAll()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.list = nil
	f.watch()
}

func (h *Handler) getFaults(c *call) error { return reply(c, http.StatusOK, faultList{h.faults.all()}) }

func (h *Handler) getFault(c *call) error {
	for _, f := range h.faults.all() {
		if f.ID == c.args["fault"] {
			return reply(c, http.StatusOK, f)
		}
	}
	return noFault(c)
}

func noFault(c *call) error {
	return refuse(http.StatusNotFound, "there is no fault %.64q", c.args["fault"])
}

func (h *Handler) addFault(c *call) error {
	var spec faultSpec
	if err := decode(c, &spec, false); err != nil {
		return err
	}
	f, err := h.faults.add(spec)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/v1/faults/"+f.ID)
	return reply(c, http.StatusCreated, f)
}

func (h *Handler) removeFault(c *call) error {
	if err := c.empty(); err != nil {
		return err
	}
	if !h.faults.removeOne(c.args["fault"]) {
		return noFault(c)
	}
	return c.done()
}

func (h *Handler) removeFaults(c *call) error {
	if err := c.empty(); err != nil {
		return err
	}
	h.faults.removeAll()
	return c.done()
}

// maxDelay is how long a fault may put something off.
const maxDelay = time.Hour

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
