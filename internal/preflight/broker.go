package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// aspects are those of one broker, in their order.
func (c *checker) aspects() []check.Aspect {
	of := []check.Aspect{check.Broker, check.Heartbeat, check.Credentials, check.AutoCreate}
	switch {
	case c.Use == Publishing:
		of = append(of, check.MessageSize, check.Timer, check.Recall)
	case c.Group != "":
		of = append(of, check.ConsumerGroup)
	}
	return append(of, check.Clock)
}

// unreached are the items of brokers that nothing can be said of.
func (c *checker) unreached(subject, reason string) []check.Item {
	if c.ended() != nil {
		reason = "the check has ended: " + c.ended().Error()
	}
	aspects := c.aspects()
	items := make([]check.Item, len(aspects))
	for i, aspect := range aspects {
		items[i] = unknown(aspect, subject, reason)
	}
	return items
}

// broker looks at one broker.
func (c *checker) broker(b routing.BrokerInfo) []check.Item {
	addr, ok := b.Master()
	if !ok {
		items := c.unreached(b.Name, "it has no master")
		if c.ended() == nil {
			items[0] = bad(check.Broker, b.Name, "it has no master", "start the master (brokerId=0), which alone takes messages and keeps the progress of consumers")
			if c.mastered || c.Use == Subscribing { // others get its messages, or slaves serve them
				items[0] = lessened(items[0])
			}
		}
		return items
	}
	subject := b.Name + " " + addr
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	err := c.Client.Connect(ctx, addr)
	cancel()
	if err != nil {
		items := c.unreached(subject, "it cannot be reached")
		items[0] = c.failed(check.Broker, subject, err,
			"this is the address that the broker advertises (brokerIP1, listenPort): set it to one that clients can dial, or open the network")
		return append(items, c.brokerEncryption(subject, addr)...)
	}
	reached := fine(check.Broker, subject, "")
	reached.Took = time.Since(began)
	heartbeat := c.heartbeat(subject, addr)
	version := c.Client.PeerVersion(addr) // of the answer to the heartbeat
	reached.Reason = "can be reached"
	if version != 0 {
		reached.Reason += ", RocketMQ " + version.String()
	}
	settings, err := c.settings(addr)
	s := brokerSettings{checker: c, subject: subject, broker: b.Name, version: version, settings: settings, err: err}
	items := []check.Item{reached, heartbeat, s.credentials(heartbeat), s.autoCreate()}
	switch {
	case c.Use == Publishing:
		items = append(items, s.messageSize(), s.timer(), s.recall())
	case c.Group != "":
		items = append(items, s.group(addr))
	}
	items = append(items, c.clock(subject, addr))
	if c.Cluster.NamespaceV2 != "" {
		items = append(items, s.namespace())
	}
	if c.CreateTopics.MessageType != "" {
		items = append(items, s.messageType())
	}
	if in := c.CreateTopics.Cluster; c.creating && (in == "" || in == b.Cluster) {
		items = append(items, s.createTopics())
	}
	if vip := c.SendAddr(addr); vip != addr {
		items = append(items, c.vipChannel(b.Name+" "+vip, vip))
	}
	return append(items, c.brokerEncryption(subject, addr)...)
}

// heartbeat sends the client's heartbeat to a broker.
func (c *checker) heartbeat(subject, addr string) check.Item {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	err := c.Heartbeat(ctx, addr)
	taken := "taken"
	if c.Group != "" {
		kind := "producer"
		if c.Use == Subscribing {
			kind = "consumer"
		}
		taken = fmt.Sprintf("taken from %s group %q", kind, c.Group)
	}
	item := fine(check.Heartbeat, subject, taken)
	if err != nil {
		item = c.failed(check.Heartbeat, subject, err, "the broker is not well, or something else listens there")
	}
	item.Took = time.Since(began)
	return item
}

// vipChannel looks at the second port, where messages go by Cluster.VIPChannel.
func (c *checker) vipChannel(subject, addr string) check.Item {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	if err := c.Client.Connect(ctx, addr); err != nil {
		return c.failed(check.Broker, subject, err, "switch Cluster.VIPChannel off, or open the port (listenPort - 2)")
	}
	item := fine(check.Broker, subject, "the VIP channel can be reached")
	item.Took = time.Since(began)
	return item
}

func (c *checker) brokerEncryption(subject, addr string) []check.Item {
	return c.encryption(subject, addr, func(ctx context.Context) error {
		// Any answer will do.
		_, err := c.plain.Invoke(ctx, addr, &headers.TopicStats{Topic: c.DefaultTopic}, nil)
		return err
	})
}
