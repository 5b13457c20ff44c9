// Package requestreply is RocketMQ's request and reply: a program sends a request to a
// topic and waits for the reply to it, which the broker hands to the very process that has
// made the request. The other side may be a Java program, either way
// (DefaultMQProducer.request and MessageUtil.createReplyMessage).
//
//	requester, err := requestreply.NewRequester(requestreply.RequesterConfig{
//		Publisher: publisher.Config{Cluster: cluster, ProducerGroup: "checkout"},
//	}, logger)
//	...
//	reply, err := requester.Request(ctx, "prices", message.NewMessage(watermill.NewUUID(), payload))
//
// A Responder makes handlers for a router, or for any loop over the messages of a
// subscriber:
//
//	responder, err := requestreply.NewResponder(requestreply.ResponderConfig{Client: client}, logger)
//	...
//	router.AddConsumerHandler("prices", "prices", sub, responder.Handler(func(request *message.Message) (*message.Message, error) {
//		return message.NewMessage(watermill.NewUUID(), price(request.Payload)), nil
//	}))
//
// # What is promised
//
// A request is a message like others: it is stored, goes to one member of each consumer
// group of its topic, and is handled at least once. A reply is not: the broker pushes it to
// the requester if that is connected at the moment, and nobody pushes it again. So a
// requester that gets no reply in time does not know whether its request was handled, see
// RequestError. There is no sign of a responder that is missing or has failed but that time
// runs out. Of several replies to a request, as those of two groups or of a request that
// was handled twice, the first counts.
//
// # Which request-reply to use
//
// Watermill has a component requestreply, which works with any Pub/Sub: a reply is a
// message in a reply topic, which each instance of the requester reads. Replies are stored
// and may be read later, there can be many for a request, and they carry the error of the
// handler. Use it for commands of the CQRS component, for requests whose replies must not
// be lost, and where the brokers are to be exchangeable. Each instance needs a reply topic of
// its own and a subscription to it, and time to set them up.
//
// This package needs no reply topics and no subscription at the requester, and talks to
// Java. Use it for a question whose answer is of no use after a few seconds, for very many
// or short-lived requesters, and where the other side is Java's request and reply.
package requestreply
