package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// queues is the number of queues of the topic, as many as that benchmark gives partitions
// to a topic of Kafka.
const queues = 16

// pubSub is what is measured.
type pubSub struct {
	publisher  message.Publisher
	subscriber message.Subscriber
}

func (p pubSub) close() error { return errors.Join(p.publisher.Close(), p.subscriber.Close()) }

// constructors make a Pub/Sub for a name server, by the name of the flag -pubsub.
var constructors = map[string]func(nameServer string) (pubSub, error){
	"gochannel": func(string) (pubSub, error) {
		p := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
		return pubSub{p, p}, nil
	},
	"rocketmq":      ours(subscriber.Auto),
	"rocketmq-pull": ours(subscriber.Pull),
}

// ours makes this Pub/Sub with its defaults, but for the engine, the topic's queues and how
// long it waits: a machine that stands still for some seconds is no failure.
func ours(engine subscriber.Engine) func(nameServer string) (pubSub, error) {
	return func(nameServer string) (pubSub, error) {
		cluster := rocketmq.Cluster{NameServers: []string{nameServer}}
		pub, err := publisher.New(publisher.Config{Cluster: cluster, SendTimeout: time.Minute, AttemptTimeout: time.Minute}, nil)
		if err != nil {
			return pubSub{}, err
		}
		sub, err := subscriber.New(subscriber.Config{
			Cluster: cluster, Group: "benchmark", Engine: engine, StartTimeout: time.Minute,
			CreateTopics: topics.Config{Enabled: true, Queues: queues},
		}, nil)
		if err != nil {
			return pubSub{}, errors.Join(err, pub.Close())
		}
		return pubSub{pub, sub}, nil
	}
}

// open makes the Pub/Sub of a name.
func open(name, nameServer string) (pubSub, error) {
	constructor, ok := constructors[name]
	if !ok {
		return pubSub{}, fmt.Errorf("-pubsub is %q, want one of %q", name, slices.Sorted(maps.Keys(constructors)))
	}
	return constructor(nameServer)
}
