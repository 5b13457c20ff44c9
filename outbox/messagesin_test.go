package outbox_test

import "github.com/watermill-rocketmq/watermill-rocketmq/embedded"

// messagesIn returns the messages of a topic, by RocketMQ's name of it. A name that
// is none is a mistake of the test.
func messagesIn(cluster *embedded.Cluster, topic string) []embedded.Message {
	list, err := cluster.Messages(topic)
	if err != nil {
		panic(err)
	}
	return list
}

// storedIn returns how many messages a topic has got, by RocketMQ's name of it.
func storedIn(cluster *embedded.Cluster, topic string) int {
	n, err := cluster.Stored(topic)
	if err != nil {
		panic(err)
	}
	return n
}
