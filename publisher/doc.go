// Package publisher is a Watermill Publisher for Apache RocketMQ, 4.9 to 5.5.
//
//	pub, err := publisher.New(publisher.Config{
//		Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}},
//	}, logger)
//	...
//	err = pub.Publish("greetings", message.NewMessage(watermill.NewUUID(), []byte("hello")))
//
// [Publisher.Publish] returns nil when a broker has stored every message. Any
// other return is an [Error] with a [Result] for each message: stored, not sent,
// or may be stored. [ErrPermanent] is in it if it can never succeed; for a router
// there is [Park]. [Config] has everything that can be set; its zero value, with
// name servers, is a good one.
//
//   - [Publisher.PublishAsync] returns at once and tells Config.OnResult;
//     [Publisher.Flush] waits for it. [Publisher.PublishOneway] asks for no answer.
//     [Publisher.Async] and [Publisher.Oneway] are these as a message.Publisher.
//   - Config.OrderingKey keeps the messages of a key in order; Config.Queues says
//     which queue it has, and which one messages without a key get.
//   - A message with the metadata of Watermill's components/delay is delivered
//     later ([DelayConfig]); [Publisher.Recall] takes it back.
//   - [Publisher.BeginTransaction] and [Publisher.PublishInTransaction] publish if
//     the caller's own work succeeds. With a database transaction, package outbox
//     does all of it.
//   - [Publisher.Check] reports what would keep messages from being published, in the
//     words of package check. [Publisher.CreateTopic] and Config.CreateTopics create
//     missing topics, in those of package topics.
//   - Config.Cluster says where the cluster is. Its Credentials and TLS are the way
//     into one that is closed.
//   - [Hooks] and [TraceConfig] tell what happens, [Publisher.Stats] what there is.
//
// A message's tag, search keys and flag are metadata too: see package marshaler.
// Tests need no RocketMQ: see package embedded.
//
// For those who read the source: docs/architecture.md follows a message from file
// to file.
package publisher
