// Package subscriber is Watermill's Subscriber for Apache RocketMQ.
//
//	sub, err := subscriber.New(subscriber.Config{
//		Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}},
//		Group:   "billing",
//	}, logger)
//	...
//	messages, err := sub.Subscribe(ctx, "orders")
//	...
//	for msg := range messages {
//		fmt.Println(string(msg.Payload))
//		msg.Ack()
//	}
//
// Delivery is at least once. A message that is acked does not come again to the group,
// except where its ack did not reach the broker: the process or the broker was killed, the
// lease was lost, or the queue went to another member while it was with a handler. A message
// that is nacked comes again after a pause, and is a dead letter after
// Config.MaxDeliveries.
package subscriber
