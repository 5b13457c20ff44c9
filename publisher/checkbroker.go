package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// sinceRecall is the version that brought recall with a switch of its own.
const sinceRecall headers.Version = 479 // 5.3.3

// sinceMixedSwitch is the first version that holds to enableMixedMessageType; those
// before take the type MIXED in any case.
const sinceMixedSwitch headers.Version = 477 // 5.3.2

// brokerAspects are those of one broker, in their order.
var brokerAspects = [...]CheckAspect{
	CheckBroker, CheckHeartbeat, CheckCredentials, CheckAutoCreate, CheckMessageSize, CheckTimer, CheckRecall, CheckClock,
}

// unreached are the items of brokers that nothing can be said of.
func (c *check) unreached(subject, reason string) []CheckItem {
	if c.ended() != nil {
		reason = "the check has ended: " + c.ended().Error()
	}
	items := make([]CheckItem, len(brokerAspects))
	for i, aspect := range brokerAspects {
		items[i] = notKnown(aspect, subject, reason)
	}
	return items
}

// broker looks at one broker.
func (c *check) broker(b routing.BrokerInfo) []CheckItem {
	addr, ok := b.Master()
	if !ok {
		items := c.unreached(b.Name, "it has no master")
		if c.ended() == nil {
			items[0] = bad(CheckBroker, b.Name, "it has no master", "start the master (brokerId=0), which alone takes messages")
			items[0].Warning = c.mastered // others get its messages
		}
		return items
	}
	subject := b.Name + " " + addr
	began := c.p.now()
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	err := c.p.client.Connect(ctx, addr)
	cancel()
	if err != nil {
		items := c.unreached(subject, "it cannot be reached")
		items[0] = c.failed(CheckBroker, subject, err,
			"this is the address that the broker advertises (brokerIP1, listenPort): set it to one that clients can dial, or open the network")
		return append(items, c.brokerEncryption(subject, addr)...)
	}
	reached := fine(CheckBroker, subject, "")
	reached.Took = c.p.now().Sub(began)
	beat, took, err := c.ask(addr, headers.Heartbeat{}, c.p.heart.data)
	heartbeat := fine(CheckHeartbeat, subject, fmt.Sprintf("taken from producer group %q", c.p.cfg.ProducerGroup))
	if err != nil {
		heartbeat = c.failed(CheckHeartbeat, subject, err, "the broker is not well, or something else listens there")
	}
	heartbeat.Took = took
	version := beat.Version
	if version == 0 {
		version = c.p.client.PeerVersion(addr)
	}
	reached.Reason = "can be reached"
	if version != 0 {
		reached.Reason += ", RocketMQ " + version.String()
	}
	settings, err := c.settings(addr)
	s := brokerSettings{check: c, subject: subject, broker: b.Name, version: version, settings: settings, err: err}
	items := []CheckItem{reached, heartbeat, s.credentials(heartbeat), s.autoCreate(), s.messageSize(), s.timer(), s.recall(), c.clock(subject, addr)}
	if c.p.cfg.NamespaceV2 != "" {
		items = append(items, s.namespace())
	}
	if c.p.cfg.CreateTopics.MessageType != "" {
		items = append(items, s.messageType())
	}
	if in := c.p.cfg.CreateTopics.Cluster; c.creating && (in == "" || in == b.Cluster) {
		items = append(items, s.createTopics())
	}
	if vip := c.p.sendAddr(addr); vip != addr {
		items = append(items, c.vipChannel(b.Name+" "+vip, vip))
	}
	return append(items, c.brokerEncryption(subject, addr)...)
}

// vipChannel looks at the second port, where messages go by Config.VIPChannel.
func (c *check) vipChannel(subject, addr string) CheckItem {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := c.p.now()
	if err := c.p.client.Connect(ctx, addr); err != nil {
		return c.failed(CheckBroker, subject, err, "switch Config.VIPChannel off, or open the port (listenPort - 2)")
	}
	item := fine(CheckBroker, subject, "the VIP channel can be reached")
	item.Took = c.p.now().Sub(began)
	return item
}

func (c *check) brokerEncryption(subject, addr string) []CheckItem {
	return c.encryption(subject, addr, func(ctx context.Context) error {
		// Any answer will do.
		_, err := c.plain.Invoke(ctx, addr, &headers.TopicStats{Topic: c.p.cfg.AutoCreate.DefaultTopic}, nil)
		return err
	})
}

// settings are the broker's configuration.
func (c *check) settings(addr string) (map[string]string, error) {
	answer, _, err := c.ask(addr, headers.BrokerConfig{}, nil)
	if err != nil {
		return nil, err
	}
	return headers.ParseBrokerConfig(answer.Body), nil
}

// brokerSettings looks at what a broker reveals of its configuration. settings is
// nil if it reveals nothing, and err says why.
type brokerSettings struct {
	check    *check
	subject  string
	broker   string
	version  headers.Version
	settings map[string]string
	err      error
}

// hidden is the item of a setting that the broker does not tell.
func (s *brokerSettings) hidden(aspect CheckAspect, setting string) CheckItem {
	if s.err == nil {
		return notKnown(aspect, s.subject, "the broker's configuration has no "+setting)
	}
	err := s.err
	if refusal := refusalOf(err); refusal != nil {
		err = refusal
	}
	item := notKnown(aspect, s.subject, "the broker does not tell its configuration: "+reasonOf(err))
	if c := s.check; c.ended() != nil {
		item.Reason = "the check has ended: " + c.ended().Error()
	}
	item.Err = err
	return item
}

func (s *brokerSettings) is(setting string) bool { return s.settings[setting] == "true" }

// namespace looks for brokers that do not know what Config.NamespaceV2 adds.
func (s *brokerSettings) namespace() CheckItem {
	switch {
	case s.version == 0:
		return notKnown(CheckNamespace, s.subject, "the broker's version is not known")
	case s.version < headers.Version5_0_0:
		return bad(CheckNamespace, s.subject, "Config.NamespaceV2 is set, and RocketMQ "+s.version.String()+" knows none: Publish fails",
			"use Config.Namespace, or brokers of 5.0.0 or later")
	}
	return fine(CheckNamespace, s.subject, "Config.NamespaceV2 is sent; whether the broker goes by it is not told")
}

// messageType looks for brokers that topics cannot be created on as Config.CreateTopics
// says.
func (s *brokerSettings) messageType() CheckItem {
	t := string(s.check.p.cfg.CreateTopics.MessageType)
	switch {
	case s.version == 0:
		return notKnown(CheckMessageType, s.subject, "the broker's version is not known")
	case s.version < headers.Version5_0_0:
		return s.uncreatable("Config.CreateTopics.MessageType is "+t+", and RocketMQ "+s.version.String()+" knows none: no topic is created",
			"leave the message type out, or use brokers of "+sinceMessageTypes+" or later")
	case t == string(MixedTopic) && s.version >= sinceMixedSwitch && s.settings["enableMixedMessageType"] == "false":
		return s.uncreatable("Config.CreateTopics.MessageType is MIXED, which the broker does not allow (enableMixedMessageType)",
			"choose one type, or set enableMixedMessageType=true")
	}
	return fine(CheckMessageType, s.subject, "the broker knows the message type "+t+" of Config.CreateTopics")
}

// uncreatable is bad for those topics alone that are still to be created.
func (s *brokerSettings) uncreatable(reason, advice string) CheckItem {
	item := bad(CheckMessageType, s.subject, reason, advice)
	item.Warning = !s.check.creating
	return item
}

// createTopics looks for access control, which lets administrators create topics.
func (s *brokerSettings) createTopics() CheckItem {
	if s.settings != nil && !s.guarded() {
		return fine(CheckCreateTopics, s.subject, "the broker's access control is off")
	}
	return notKnown(CheckCreateTopics, s.subject,
		"creating topics needs an administrator's permission where there is access control, which cannot be seen without creating one")
}

// guarded reports whether the broker says that it has access control.
func (s *brokerSettings) guarded() bool {
	return s.is("aclEnable") || s.is("authenticationEnabled") || s.is("authorizationEnabled")
}

// credentials goes by the heartbeat, which brokers with access control want
// signed.
func (s *brokerSettings) credentials(heartbeat CheckItem) CheckItem {
	err := heartbeat.Err
	configured := s.check.p.cfg.Credentials != nil
	guarded := s.guarded()
	switch {
	case refusalOf(err) != nil:
		heartbeat.Aspect, heartbeat.Took = CheckCredentials, 0
		var certificate *CertificateError
		if errors.As(err, &certificate) {
			return notKnown(CheckCredentials, s.subject, "the connection was refused before")
		}
		return heartbeat
	case err != nil:
		return notKnown(CheckCredentials, s.subject, "the heartbeat failed")
	case configured && guarded:
		return fine(CheckCredentials, s.subject, "accepted")
	case configured && s.settings != nil:
		return fine(CheckCredentials, s.subject, "not looked at: the broker's access control is off")
	case configured:
		return fine(CheckCredentials, s.subject, "accepted, or the broker's access control is off, which it does not tell")
	case guarded:
		return notKnown(CheckCredentials, s.subject, "the broker has access control, and none are configured; it took the heartbeat without")
	}
	return fine(CheckCredentials, s.subject, "none are configured, and none are wanted for a heartbeat")
}

// autoCreate looks for the switch that makes a topic of every misspelt name.
func (s *brokerSettings) autoCreate() CheckItem {
	topic := s.check.p.cfg.AutoCreate.DefaultTopic
	reason := ""
	switch value, told := s.settings["autoCreateTopicEnable"]; {
	case value == "true":
		reason = "the broker creates a topic for each unknown name (autoCreateTopicEnable=true)"
	case s.check.creates(s.broker):
		reason = "the broker creates a topic for each unknown name (its default topic " + topic + " lets others inherit)"
	case told:
		return fine(CheckAutoCreate, s.subject, "off (autoCreateTopicEnable="+value+")")
	default:
		return s.hidden(CheckAutoCreate, "autoCreateTopicEnable")
	}
	return warning(CheckAutoCreate, s.subject, reason,
		"set autoCreateTopicEnable=false: a topic made so is on the broker that got its first message alone, and a misspelt name is not noticed")
}

// messageSize compares the limits. MessageStoreConfig.maxMessageSize of 5.5.0. A
// smaller one of the broker is no mere warning: it refuses messages that pass here.
func (s *brokerSettings) messageSize() CheckItem {
	theirs, err := strconv.Atoi(s.settings["maxMessageSize"])
	if err != nil {
		return s.hidden(CheckMessageSize, "maxMessageSize")
	}
	ours := s.check.p.cfg.MaxMessageSize
	if theirs < ours {
		return bad(CheckMessageSize, s.subject,
			fmt.Sprintf("the broker takes bodies of %d bytes at most, Config.MaxMessageSize is %d", theirs, ours),
			"set Config.MaxMessageSize to the broker's maxMessageSize, or raise that: larger messages are refused only when they are sent")
	}
	return fine(CheckMessageSize, s.subject, fmt.Sprintf("the broker takes bodies of %d bytes, Config.MaxMessageSize is %d", theirs, ours))
}

// timer tells whether messages can be delivered at any time. It is not needed for
// anything that is configured, so it is never bad.
func (s *brokerSettings) timer() CheckItem {
	if s.version == 0 {
		return s.hidden(CheckTimer, "version")
	}
	if s.version < headers.Version5_0_0 {
		return fine(CheckTimer, s.subject, "needed for delays by timer only: RocketMQ "+s.version.String()+" knows 18 delay levels only")
	}
	enabled, told := s.settings["timerWheelEnable"]
	seconds, err := strconv.Atoi(s.settings["timerMaxDelaySec"])
	switch {
	case !told:
		return s.hidden(CheckTimer, "timerWheelEnable")
	case enabled != "true":
		return fine(CheckTimer, s.subject, "needed for delays by timer only: off on this broker (timerWheelEnable="+enabled+")")
	case err != nil:
		return fine(CheckTimer, s.subject, "the broker has them")
	}
	return fine(CheckTimer, s.subject, fmt.Sprintf("the broker has them, up to %v ahead", time.Duration(seconds)*time.Second))
}

// recall tells whether timer messages can be taken back. Never bad, as timer.
func (s *brokerSettings) recall() CheckItem {
	if s.version == 0 {
		return s.hidden(CheckRecall, "version")
	}
	if s.version < sinceRecall {
		return fine(CheckRecall, s.subject, "needed for Publisher.Recall only: that needs RocketMQ 5.3.3, this is "+s.version.String())
	}
	switch value, told := s.settings["recallMessageEnable"]; {
	case !told:
		return s.hidden(CheckRecall, "recallMessageEnable")
	case value != "true":
		return fine(CheckRecall, s.subject, "needed for Publisher.Recall only: off on this broker (recallMessageEnable="+value+")")
	}
	return fine(CheckRecall, s.subject, "the broker takes back timer messages")
}
