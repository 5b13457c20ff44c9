package publisher

import "github.com/ThreeDotsLabs/watermill"

// TopicName returns the name that brokers and their tools know the topic by: what
// Config.Topics maps it to, in Cluster.Namespace. It asks nobody. The error is of a topic
// that Publish would refuse, as a rule a *marshaler.TopicError.
func (p *Publisher) TopicName(topic string) (string, error) {
	mapped, err := p.mapTopic(topic)
	return mapped.Name, err
}

// topicDiffers logs the name of a topic that brokers know by another name.
func (p *Publisher) topicDiffers(topic, name string) {
	p.logger.Info("Topic has another name in RocketMQ", watermill.LogFields{"topic": topic, "rocketmq_topic": name})
}
