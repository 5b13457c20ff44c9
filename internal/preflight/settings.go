package preflight

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// sinceMixedSwitch is the first version that holds to enableMixedMessageType; those
// before take the type MIXED in any case.
const sinceMixedSwitch = headers.Version5_3_2

// settings are the broker's configuration.
func (c *checker) settings(addr string) (map[string]string, error) {
	answer, _, err := c.ask(addr, headers.BrokerConfig{}, nil)
	if err != nil {
		return nil, err
	}
	return headers.ParseBrokerConfig(answer.Body), nil
}

// brokerSettings looks at what a broker reveals of its configuration. settings is
// nil if it reveals nothing, and err says why.
type brokerSettings struct {
	checker  *checker
	subject  string
	broker   string
	version  headers.Version
	settings map[string]string
	err      error
}

// hidden is the item of a setting that the broker does not tell.
func (s *brokerSettings) hidden(aspect check.Aspect, setting string) check.Item {
	if s.err == nil {
		return unknown(aspect, s.subject, "the broker's configuration has no "+setting)
	}
	err := s.err
	if refusal := verdict.Refusal(err); refusal != nil {
		err = refusal
	}
	item := unknown(aspect, s.subject, "the broker does not tell its configuration: "+reasonOf(err))
	if c := s.checker; c.ended() != nil {
		item.Reason = "the check has ended: " + c.ended().Error()
	}
	item.Err = err
	return item
}

func (s *brokerSettings) is(setting string) bool { return s.settings[setting] == "true" }

// namespace looks for brokers that do not know what Cluster.NamespaceV2 adds.
func (s *brokerSettings) namespace() check.Item {
	switch {
	case s.version == 0:
		return unknown(check.Namespace, s.subject, "the broker's version is not known")
	case s.version < headers.Version5_0_0:
		return bad(check.Namespace, s.subject, "Cluster.NamespaceV2 is set, and RocketMQ "+s.version.String()+" knows none: "+s.checker.Use.method()+" fails",
			"use Cluster.Namespace, or brokers of 5.0.0 or later")
	}
	return fine(check.Namespace, s.subject, "Cluster.NamespaceV2 is sent; whether the broker goes by it is not told")
}

// messageType looks for brokers that topics cannot be created on as Config.CreateTopics
// says.
func (s *brokerSettings) messageType() check.Item {
	t := string(s.checker.CreateTopics.MessageType)
	switch {
	case s.version == 0:
		return unknown(check.MessageType, s.subject, "the broker's version is not known")
	case s.version < headers.Version5_0_0:
		return s.uncreatable("Config.CreateTopics.MessageType is "+t+", and RocketMQ "+s.version.String()+" knows none: no topic is created",
			"leave the message type out, or use brokers of "+headers.Version5_0_0.String()+" or later")
	case t == string(topics.Mixed) && s.version >= sinceMixedSwitch && s.settings["enableMixedMessageType"] == "false":
		return s.uncreatable("Config.CreateTopics.MessageType is MIXED, which the broker does not allow (enableMixedMessageType)",
			"choose one type, or set enableMixedMessageType=true")
	}
	return fine(check.MessageType, s.subject, "the broker knows the message type "+t+" of Config.CreateTopics")
}

// uncreatable is bad for those topics alone that are still to be created.
func (s *brokerSettings) uncreatable(reason, advice string) check.Item {
	if !s.checker.creating {
		return warning(check.MessageType, s.subject, reason, advice)
	}
	return bad(check.MessageType, s.subject, reason, advice)
}

// createTopics looks for access control, which lets administrators create topics.
func (s *brokerSettings) createTopics() check.Item {
	if s.settings != nil && !s.guarded() {
		return fine(check.CreateTopics, s.subject, "the broker's access control is off")
	}
	return unknown(check.CreateTopics, s.subject,
		"creating topics needs an administrator's permission where there is access control, which cannot be seen without creating one")
}

// guarded reports whether the broker says that it has access control.
func (s *brokerSettings) guarded() bool {
	return s.is("aclEnable") || s.is("authenticationEnabled") || s.is("authorizationEnabled")
}

// credentials goes by the heartbeat, which brokers with access control want
// signed.
func (s *brokerSettings) credentials(heartbeat check.Item) check.Item {
	err := heartbeat.Err
	configured := s.checker.Cluster.Credentials != nil
	guarded := s.guarded()
	switch {
	case verdict.Refusal(err) != nil:
		heartbeat.Aspect, heartbeat.Took = check.Credentials, 0
		var certificate *rocketmq.CertificateError
		if errors.As(err, &certificate) {
			return unknown(check.Credentials, s.subject, "the connection was refused before")
		}
		return heartbeat
	case err != nil:
		return unknown(check.Credentials, s.subject, "the heartbeat failed")
	case configured && guarded:
		return fine(check.Credentials, s.subject, "accepted")
	case configured && s.settings != nil:
		return fine(check.Credentials, s.subject, "not looked at: the broker's access control is off")
	case configured:
		return fine(check.Credentials, s.subject, "accepted, or the broker's access control is off, which it does not tell")
	case guarded:
		return unknown(check.Credentials, s.subject, "the broker has access control, and none are configured; it took the heartbeat without")
	}
	return fine(check.Credentials, s.subject, "none are configured, and none are wanted for a heartbeat")
}

// autoCreate looks for the switch that makes a topic of every misspelt name.
func (s *brokerSettings) autoCreate() check.Item {
	topic := s.checker.DefaultTopic
	reason := ""
	switch value, told := s.settings["autoCreateTopicEnable"]; {
	case value == "true":
		reason = "the broker creates a topic for each unknown name (autoCreateTopicEnable=true)"
	case s.checker.creates(s.broker):
		reason = "the broker creates a topic for each unknown name (its default topic " + topic + " lets others inherit)"
	case told:
		return fine(check.AutoCreate, s.subject, "off (autoCreateTopicEnable="+value+")")
	default:
		return s.hidden(check.AutoCreate, "autoCreateTopicEnable")
	}
	return warning(check.AutoCreate, s.subject, reason,
		"set autoCreateTopicEnable=false: a topic made so is on the broker that got its first message alone, and a misspelt name is not noticed")
}

// messageSize compares the limits. MessageStoreConfig.maxMessageSize of 5.5.0. A
// smaller one of the broker is no mere warning: it refuses messages that pass here.
func (s *brokerSettings) messageSize() check.Item {
	theirs, err := strconv.Atoi(s.settings["maxMessageSize"])
	if err != nil {
		return s.hidden(check.MessageSize, "maxMessageSize")
	}
	ours := s.checker.MaxMessageSize
	if theirs < ours {
		return bad(check.MessageSize, s.subject,
			fmt.Sprintf("the broker takes bodies of %d bytes at most, Config.MaxMessageSize is %d", theirs, ours),
			"set Config.MaxMessageSize to the broker's maxMessageSize, or raise that: larger messages are refused only when they are sent")
	}
	return fine(check.MessageSize, s.subject, fmt.Sprintf("the broker takes bodies of %d bytes, Config.MaxMessageSize is %d", theirs, ours))
}

// timer tells whether messages can be delivered at any time. It is not needed for
// anything that is configured, so it is never bad.
func (s *brokerSettings) timer() check.Item {
	if s.version == 0 {
		return s.hidden(check.Timer, "version")
	}
	if s.version < headers.Version5_0_0 {
		return fine(check.Timer, s.subject, "needed for delays by timer only: RocketMQ "+s.version.String()+" knows 18 delay levels only")
	}
	enabled, told := s.settings["timerWheelEnable"]
	seconds, err := strconv.Atoi(s.settings["timerMaxDelaySec"])
	switch {
	case !told:
		return s.hidden(check.Timer, "timerWheelEnable")
	case enabled != "true":
		return fine(check.Timer, s.subject, "needed for delays by timer only: off on this broker (timerWheelEnable="+enabled+")")
	case err != nil:
		return fine(check.Timer, s.subject, "the broker has them")
	}
	return fine(check.Timer, s.subject, fmt.Sprintf("the broker has them, up to %v ahead", time.Duration(seconds)*time.Second))
}

// recall tells whether timer messages can be taken back. Never bad, as timer.
func (s *brokerSettings) recall() check.Item {
	if s.version == 0 {
		return s.hidden(check.Recall, "version")
	}
	if s.version < headers.Version5_3_3 {
		return fine(check.Recall, s.subject, "needed for Publisher.Recall only: that needs RocketMQ 5.3.3, this is "+s.version.String())
	}
	switch value, told := s.settings["recallMessageEnable"]; {
	case !told:
		return s.hidden(check.Recall, "recallMessageEnable")
	case value != "true":
		return fine(check.Recall, s.subject, "needed for Publisher.Recall only: off on this broker (recallMessageEnable="+value+")")
	}
	return fine(check.Recall, s.subject, "the broker takes back timer messages")
}
