package publisher

import "slices"

// trace looks for the topic that traces go to. Messages are published without it.
func (c *check) trace(topic string) CheckItem {
	advice := "create the topic"
	if topic == DefaultTraceTopic {
		advice = "set traceTopicEnable=true on the brokers, which create it when they start, or choose another Config.Trace.Topic"
	}
	routes := c.topicInfo(topic)
	info, known := routes.one()
	switch {
	case known && !info.Static && slices.ContainsFunc(info.Queues, writes):
		return fine(CheckTrace, topic, "exists")
	case known:
		return warning(CheckTrace, topic, "has no queues that can be written to: traces are lost", "mqadmin updateTopic with -w of 1 or more, and -p 6")
	case c.ended() != nil:
		return c.failed(CheckTrace, topic, c.ended(), "")
	case len(routes.missing) == 0 && routes.err != nil:
		item := c.failed(CheckTrace, topic, routes.err, "the name servers have to answer")
		item.Warning = item.Verdict == CheckBad
		return item
	case len(routes.missing) == 0:
		return notKnown(CheckTrace, topic, "no name server answers")
	case c.creates(""):
		return warning(CheckTrace, topic, "does not exist; the broker that gets the first trace would create it by itself, on that broker alone", advice)
	}
	return warning(CheckTrace, topic, "does not exist: traces are lost", advice)
}
