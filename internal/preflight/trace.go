package preflight

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// trace looks for the topic that traces go to. Messages are published without it.
func (c *checker) trace(topic string) check.Item {
	advice := "create the topic"
	if topic == headers.TraceTopic {
		advice = "set traceTopicEnable=true on the brokers, which create it when they start, or choose another Config.Trace.Topic"
	}
	routes := c.topicInfo(topic)
	info, known := routes.one()
	switch {
	case known && !info.Static && slices.ContainsFunc(info.Queues, writes):
		return fine(check.TraceTopic, topic, "exists")
	case known:
		return warning(check.TraceTopic, topic, "has no queues that can be written to: traces are lost", "mqadmin updateTopic with -w of 1 or more, and -p 6")
	case c.ended() != nil:
		return c.failed(check.TraceTopic, topic, c.ended(), "")
	case len(routes.missing) == 0 && routes.err != nil:
		return lessened(c.failed(check.TraceTopic, topic, routes.err, "the name servers have to answer"))
	case len(routes.missing) == 0:
		return unknown(check.TraceTopic, topic, "no name server answers")
	case c.creates(""):
		return warning(check.TraceTopic, topic, "does not exist; the broker that gets the first trace would create it by itself, on that broker alone", advice)
	}
	return warning(check.TraceTopic, topic, "does not exist: traces are lost", advice)
}
