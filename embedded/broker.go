package embedded

import (
	"cmp"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/backlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/clock"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/counts"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keeper"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keys"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/locks"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/messages"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/producers"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/transactions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const clusterName = "DefaultCluster"

// Broker is one broker of a Cluster, always a master. Its methods are safe for
// concurrent use.
type Broker struct {
	cluster *Cluster
	index   int // among the brokers
	name    string
	srv     *server
	vip     *server // nil without WithVIPPort

	keeper *keeper.Keeper // nil without Dir
	log    store.Records  // does not change once the broker serves
	keyed  *keys.Index

	changes    atomic.Int64 // of topics and groups; made with mu held
	unanswered atomic.Int64 // bytes of requests that wait for the log
	condition  atomic.Int32 // a Condition; changed with mu held

	mu         sync.Mutex // guards the fields below; never held across I/O or foreign code
	registered bool       // with the name servers
	readOnly   bool
	held       backlog.Requests[*conn] // while the broker hangs
	topics     map[string]*topic
	store      *messages.Store
	turn       int            // of anyQueue
	keys       uint16         // counter of newUniqueKey
	addr       string         // in routes
	storeHost  netip.AddrPort // in messages
	offsets    *offsets.Table
	groups     groups.Registry[*conn]
	producers  producers.Registry[*conn]
	beaten     chan struct{} // closed at a producer's next heartbeat; nil if nobody waits
	locks      *locks.Table
	halves     transactions.Open
	lines      delays.Lines
	recalled   map[delays.Recall]struct{}
	configs    map[string]headers.SubscriptionGroupConfig // by group
	counts     *counts.Counts
	pop        *pop.Engine
	pops       pop.Parked[*parked]
	notices    pop.Parked[*parked]
	reviving   *clock.Alarm // for the next check point
	reviveAt   int64        // when it is
	frees      map[offsets.Queue]*clock.Alarm
	modes      map[topicGroup]headers.SetMessageRequestModeData
}

func newBroker(c *Cluster, index int) *Broker {
	name := "broker-" + string(rune('a'+index))
	b := &Broker{
		cluster: c, index: index, name: name,
		topics:   make(map[string]*topic),
		locks:    locks.NewTable(keptMost),
		recalled: make(map[delays.Recall]struct{}),
		configs:  make(map[string]headers.SubscriptionGroupConfig),
		frees:    make(map[offsets.Queue]*clock.Alarm),
		modes:    make(map[topicGroup]headers.SetMessageRequestModeData),
	}
	b.keyed = keys.NewIndex(b.tagIndex())
	b.counts = counts.New(keptMost, b.millis())
	b.log = store.InMemory(cmp.Or(c.cfg.maxBytes, DefaultMaxBytes))
	b.store = messages.NewStore(b.log, 0)
	b.offsets = offsets.NewTable(keptMost, c.offsetRound)
	b.pop = pop.NewEngine(c.popConfig(name), popStore{b}, b.offsets, offsets.NewTable(keptMost, c.offsetRound))
	b.notices.Last = true
	b.srv = newServer(c, name, b)
	if c.cfg.vipPort {
		b.vip = newServer(c, name+"-vip", b)
	}
	if c.cfg.autoCreate {
		b.putTopic(headers.DefaultTopic, autoCreateQueues, autoCreateQueues, headers.PermRead|headers.PermWrite|headers.PermInherit)
	}
	b.putTopic(headers.ReplyTopic(clusterName), 1, 1, headers.PermRead|headers.PermWrite)
	for _, t := range c.cfg.topics {
		b.putTopic(t.name, t.queues, t.queues, headers.PermRead|headers.PermWrite)
	}
	return b
}

// Name is the broker's name, such as "broker-a".
func (b *Broker) Name() string { return b.name }

// Addr is the address the broker listens on, or did before it was stopped.
func (b *Broker) Addr() string { return b.srv.Addr() }

// AdvertisedAddr is the address that clients are told, see WithAdvertisedAddr.
func (b *Broker) AdvertisedAddr() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addr
}

// Running reports whether the broker takes connections.
func (b *Broker) Running() bool { return b.srv.Running() }

// Damage says where the log in the broker's folder was no valid message when it was opened,
// and where the rest of it was moved to. It is empty if all was valid, and without Dir.
func (b *Broker) Damage() string { return b.keeper.Damage() }

// Stop shuts the broker down in good order: it leaves the routes at once, cuts
// its connections and refuses new ones. Its messages, topics and offsets stay
// for Start. Stop does not wait for requests that are being worked on.
func (b *Broker) Stop() {
	b.Unregister()
	b.halt()
	b.unregisterStopped()
	_ = b.save() // Close says whether it can be
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offsets.Save()
	b.pop.Save()
	b.counts = counts.New(keptMost, b.millis())
}

// Kill ends the broker as a crash does: it cuts its connections and refuses new
// ones, but the name servers go on giving out its address, until Unregister. What it
// writes to disk every 5 s only is as it was then: the offsets of groups, also those
// that pops have moved. Kill does not wait for requests that are being worked on.
func (b *Broker) Kill() {
	b.halt()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts = counts.New(keptMost, b.millis())
	b.offsets.Crash()
	b.pop.Crash(b.cluster.lastSave())
}

// Start brings a stopped or killed broker back, with what it had stored, at the
// address it had.
func (b *Broker) Start() error { return b.startAt(b.srv.Addr()) }

// StartAt brings a stopped or killed broker back at another address. The routes
// have the new address at once.
func (b *Broker) StartAt(addr string) error { return b.startAt(addr) }

// Move cuts the broker's connections and brings it back at a free address. The
// routes have the new address at once; clients have to find out.
func (b *Broker) Move() error {
	b.halt()
	if b.cluster.cfg.inMemory {
		return b.startAt(b.cluster.memory.Broker())
	}
	return b.startAt(sockets.FreeBeside(b.Addr()))
}

func (b *Broker) startAt(addr string) error {
	term, err := b.listen(addr)
	if err != nil {
		return fmt.Errorf("embedded: start %s: %w", b.name, err)
	}
	told, err := b.cluster.cfg.advertised.Of(b.index, b.srv.Addr())
	if err != nil {
		b.halt()
		return fmt.Errorf("embedded: start %s: %w", b.name, err)
	}
	b.mu.Lock()
	if b.srv.Runs(term) { // else it was stopped meanwhile, and what runs now speaks for itself
		b.addr, b.storeHost, b.registered = told.Addr, told.Host, true
	}
	b.mu.Unlock()
	for _, line := range b.lines.All() {
		b.deliverDue(line)
	}
	b.armChecks()
	b.revive()
	return nil
}

// unregisterStopped takes the broker out of the routes unless it runs: a Start at
// the same time may have put it back since Unregister.
func (b *Broker) unregisterStopped() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.registered = b.registered && b.srv.Running()
}

// Unregister takes the broker out of the routes, as name servers do 120 s after
// a crash. The broker itself goes on if it runs.
func (b *Broker) Unregister() { b.setRegistered(false) }

// Register puts the broker back into the routes.
func (b *Broker) Register() { b.setRegistered(true) }

func (b *Broker) setRegistered(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.registered = yes
}

// SetPermission sets the permission of a topic on this broker, a sum of
// headers.PermRead, headers.PermWrite and headers.PermInherit. Routes show it at
// once. Like real brokers this one takes sends to a topic without PermWrite:
// keeping away is the client's part. It does nothing if there is no such topic.
func (b *Broker) SetPermission(topic string, perm int) {
	b.mu.Lock()
	if t := b.topics[topic]; t != nil {
		t.perm = perm
		b.changes.Add(1)
	}
	b.mu.Unlock()
	_ = b.saveChanges() // it is tried again
}

// SetQueues sets the numbers of queues of a topic on this broker, to read from
// and to write to. Routes show them at once. Messages of queues that are gone
// stay, out of reach. It does nothing if there is no such topic.
func (b *Broker) SetQueues(topic string, read, write int) {
	b.mu.Lock()
	if t := b.topics[topic]; t != nil {
		t.read, t.write = max(0, read), max(0, write)
		b.changes.Add(1)
	}
	b.mu.Unlock()
	_ = b.saveChanges() // it is tried again
}

// CreateTopic creates a topic on this broker alone, or sets its number of
// queues.
func (b *Broker) CreateTopic(name string, queues int) error {
	if fault := names.Fault(name); fault != "" {
		return fmt.Errorf("embedded: create topic: %s", fault)
	}
	if queues < 0 {
		return fmt.Errorf("embedded: create topic %s: %d queues", name, queues)
	}
	b.putTopic(name, queues, queues, headers.PermRead|headers.PermWrite)
	return b.saveChanges()
}

// SendToClients pushes a oneway request to every client that is connected to
// the broker and returns their number. ext may be nil.
func (b *Broker) SendToClients(code headers.RequestCode, ext headers.FieldAppender, body []byte) int {
	n := 0
	for _, c := range b.connections() {
		if c.Push(fields.Push{Code: code, Fields: ext}, body) {
			n++
		}
	}
	return n
}

// DropConnections cuts the connections of all clients. They may come back at
// once.
func (b *Broker) DropConnections() {
	for _, c := range b.connections() {
		c.Close()
	}
}

func (b *Broker) host() netip.AddrPort {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.storeHost
}

// handle answers a request. What it asks to change of topics and groups is kept by then, or
// the answer says so. What is changed on the way to something else is tried again by keepUp.
func (b *Broker) handle(rq *request) answer {
	before := b.changes.Load()
	a := b.dispatch(rq)
	if a.none || b.changes.Load() == before && !fields.IsChange(rq.code()) { // who is told later is not told twice
		return a
	}
	if err := b.saveChanges(); err != nil && fields.IsChange(rq.code()) {
		return notStored(err)
	}
	return a
}

func (b *Broker) dispatch(rq *request) answer {
	if a, yes := b.turnAway(rq); yes {
		return a
	}
	if refusal, refused := b.checkAccess(rq); refused {
		return refusal
	}
	switch code := rq.code(); code {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
		return b.sendMessage(rq)
	case headers.CodeSendReplyMessage, headers.CodeSendReplyMessageV2:
		return b.sendReply(rq)
	case headers.CodePullMessage:
		return b.pullMessage(rq)
	case headers.CodeLitePullMessage:
		if b.cluster.behaviour.Five {
			return b.pullMessage(rq)
		}
	case headers.CodeHeartbeat:
		return b.heartBeat(rq)
	case headers.CodeCheckClientConfig:
		return b.checkClientConfig(rq)
	case headers.CodeUnregisterClient:
		return b.unregisterClient(rq)
	case headers.CodeQueryConsumerOffset:
		return b.queryConsumerOffset(rq)
	case headers.CodeUpdateConsumerOffset:
		return b.updateConsumerOffset(rq)
	case headers.CodeSearchOffset, headers.CodeMaxOffset, headers.CodeMinOffset, headers.CodeEarliestStoreTime:
		return b.queueNumber(rq)
	case headers.CodeViewMessage:
		return b.viewMessage(rq)
	case headers.CodeQueryMessage:
		return b.queryMessage(rq)
	case headers.CodeConsumerList:
		return b.consumerList(rq)
	case headers.CodeConsumerConnection:
		return b.consumerConnections(rq)
	case headers.CodeCreateSubscriptionGroup:
		return b.createGroup(rq)
	case headers.CodeConsumerSendBack:
		return b.sendBack(rq)
	case headers.CodeResetOffset:
		return b.resetOffset(rq)
	case codeProducers:
		return b.producerConnections(rq)
	case headers.CodeLockQueues:
		return b.lockQueues(rq)
	case headers.CodeUnlockQueues:
		return b.unlockQueues(rq)
	case headers.CodeCreateTopic:
		return b.createTopic(rq)
	case headers.CodeEndTransaction:
		return b.endTransaction(rq)
	case headers.CodeRecallMessage:
		if b.cluster.behaviour.Version >= headers.Version5_3_3 {
			return b.recallMessage(rq)
		}
	case headers.CodeBrokerConfig:
		return b.brokerConfig()
	case headers.CodeRuntimeInfo:
		return b.runtimeInfo()
	case headers.CodeTopicStats:
		return b.topicStats(rq)
	default:
		if a, ok := b.handleAdmin(rq); ok {
			return a
		}
		if b.cluster.behaviour.Five {
			return b.handlePops(rq)
		}
	}
	return notSupported(rq)
}

func notSupported(rq *request) answer {
	return refuse(headers.RequestNotSupported, fmt.Sprintf(" request type %d not supported", rq.cmd.Code))
}
