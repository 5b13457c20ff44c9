// Package rocketmq is the root of a library that makes Apache RocketMQ, 4.9 to 5.5, a
// Pub/Sub of Watermill, over RocketMQ's own remoting protocol. The Publisher says of each
// message whether a broker has stored it; what the Subscriber's handlers ack does not come
// again.
//
//	cluster := rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}
//	pub, err := publisher.New(publisher.Config{Cluster: cluster}, watermill.NewSlogLogger(nil))
//	if err != nil {
//		return err
//	}
//	defer pub.Close()
//	msg := message.NewMessage(watermill.NewUUID(), []byte("hello"))
//	if err := pub.Publish("greetings", msg); err != nil {
//		return err // a *publisher.Error: it says whether the message may be stored
//	}
//
//	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "billing"}, watermill.NewSlogLogger(nil))
//	if err != nil {
//		return err
//	}
//	defer sub.Close()
//	messages, err := sub.Subscribe(ctx, "greetings")
//	if err != nil {
//		return err
//	}
//	for msg := range messages {
//		msg.Ack()
//	}
//
// This package has what all clients of a cluster share. [Connect] makes a [Client], which
// a program lends to all of its publishers and subscribers, so that they have one
// connection to each server. [Cluster] says where the cluster is and how to get in, with [Credentials] or a [CredentialsProvider] for
// access keys. [AuthenticationError], [PermissionError], [AccessError],
// [CertificateError] and [CredentialsError] say why a client was not let in, and
// [UnsupportedError] what a broker is too old for.
//
// Where to look next:
//
//   - package publisher is Watermill's Publisher: retries, ordering keys, delays,
//     transactions, asynchronous publishing, message trace, and a preflight check.
//   - package subscriber is Watermill's Subscriber: leases or queues, order, redelivery,
//     dead letters, filters, start positions, lag, and a preflight check.
//   - package topics says how topics are created that do not exist, and package check
//     what a preflight check has found.
//   - package outbox publishes messages if and only if a database transaction
//     commits.
//   - package embedded is a name server and brokers in the test's own process; they
//     need no Java.
//   - package marshaler translates messages and topic names, and reads what consumers
//     of other clients hold.
//   - package routing finds name servers by DNS or HTTP, and chooses queues.
//   - package transport carries requests over connections, for clients of your own.
package rocketmq
