package embedded

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/backlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Condition is how a broker is doing.
type Condition int32

// The conditions of a broker.
const (
	// Well does what it is asked for.
	Well Condition = iota
	// Busy turns sends away at the door with SYSTEM_BUSY and [REJECTREQUEST], as
	// when writing to memory takes too long (SendMessageProcessor.rejectRequest).
	Busy
	// DiskFull refuses sends with SERVICE_NOT_AVAILABLE, as when the disk is
	// used beyond diskSpaceWarningLevelRatio.
	DiskFull
	// GoingAway answers any request of clients newer than 5.3.1 with GO_AWAY, as a
	// 5.5.0 server with enableShutdownGracefully after a termination signal
	// (NettyRemotingAbstract). Others are served. It does nothing before 5.5.0.
	GoingAway
	// Hanging keeps connections open and answers nothing, as a process that was
	// stopped (SIGSTOP). When the broker is in another condition again it does all
	// that it was asked for meanwhile, late, whether or not somebody still waits. It
	// keeps 64 MiB of requests; those that come after are lost.
	Hanging
)

// goAwaySince is the first version that knows GO_AWAY as a broker, and
// goAwayAfter the last of clients that are never told.
const (
	goAwaySince = headers.Version5_5_0
	goAwayAfter = headers.Version5_3_1
)

// SetCondition sets how the broker is doing.
func (b *Broker) SetCondition(c Condition) {
	b.mu.Lock()
	b.condition.Store(int32(c))
	var late []backlog.Request[*conn]
	if c != Hanging {
		late = b.held.Take()
	}
	b.mu.Unlock()
	for _, h := range late {
		h.From.suffer(Delay(0), h.Command)
		h.From.Flush()
	}
}

// keepBack keeps the request if the broker hangs and has room for it, and reports
// whether it hangs.
func (b *Broker) keepBack(c *conn, frame []byte) bool {
	if Condition(b.condition.Load()) != Hanging {
		return false
	}
	own, err := headers.ParseFrame(bytes.Clone(frame))
	if err != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if Condition(b.condition.Load()) != Hanging {
		return false
	}
	b.held.Keep(c, own, len(frame))
	return true
}

// turnAway is the answer of a broker that does not look at what is asked.
func (b *Broker) turnAway(rq *request) (answer, bool) {
	switch Condition(b.condition.Load()) {
	case Busy:
		if fields.IsSend(rq.code()) {
			return refuse(headers.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while"), true
		}
	case GoingAway:
		if b.cluster.cfg.version >= goAwaySince && headers.Version(rq.cmd.Version) > goAwayAfter {
			return refuse(headers.GoAway, "please go away"), true
		}
	}
	return answer{}, false
}

// diskFault is why nothing can be stored, empty if that is possible.
func (b *Broker) diskFault() string {
	if Condition(b.condition.Load()) != DiskFull && !b.keeper.DiskFull() {
		return ""
	}
	return store.RemarkDiskFull
}

// SetWritable sets whether the broker takes messages (brokerPermission 6 or 4).
// Routes show at once that it does not. Like real brokers it stores what is sent
// to it all the same, but for order topics (AbstractSendMessageProcessor.msgCheck,
// 4.9.7 and 5.5.0): those it refuses with NO_PERMISSION.
func (b *Broker) SetWritable(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readOnly = !yes
}

// permissionOf is a topic's permission as routes show it. The broker's mu is held.
func (b *Broker) permissionOf(t *topic) int {
	if b.readOnly {
		return t.perm &^ headers.PermWrite
	}
	return t.perm
}

// orderFault is why a send to an order topic is refused, empty if it is not. The
// broker's mu is held.
func (b *Broker) orderFault(t *topic) string {
	if !b.readOnly || !t.ordered && b.cluster.cfg.orderTopics[t.name] == "" {
		return ""
	}
	return "the broker[" + b.storeHost.Addr().String() + "] sending message is forbidden"
}

// SetOrderTopic makes a topic of the cluster an order topic, as mqadmin
// "updateTopic -o true" does: name servers give out its queues as they are now,
// whether or not their brokers are there and take messages (ORDER_TOPIC_CONFIG of name
// servers with orderMessageEnable). What mqadmin itself puts there is kept, and not in routes.
func (c *Cluster) SetOrderTopic(name string) error {
	var queues []string
	for _, b := range c.brokers {
		b.mu.Lock()
		if t := b.topics[name]; t != nil {
			t.ordered = true
			queues = append(queues, fmt.Sprintf("%s:%d", b.name, t.write))
		}
		b.mu.Unlock()
	}
	if len(queues) == 0 {
		return fmt.Errorf("embedded: there is no topic %s", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orderConf == nil {
		c.orderConf = make(map[string]string)
	}
	c.orderConf[name] = strings.Join(queues, ";")
	return nil
}

// orderConfOf is the order configuration of a topic, empty if it has none.
func (c *Cluster) orderConfOf(topic string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.orderConf[topic], c.cfg.orderTopics[topic])
}
