package publisher

import (
	"context"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// observed is what hooks know of a message, and what they have added to it.
type observed struct {
	// ctx is nil for a nil message, which hooks do not hear of.
	ctx      context.Context
	injected []headers.Property
}

// observe notes the contexts of the call's messages, and calls PublishStart for each.
func (c *call) observe(messages []*message.Message) {
	c.observed = slices.Grow(c.observed, len(messages))[:len(messages)]
	for i, msg := range messages {
		if msg != nil {
			c.observed[i].ctx = msg.Context()
		}
	}
	start := c.p.hooks.PublishStart
	if start == nil {
		return
	}
	name := ""
	if mapped, err := c.p.mapTopic(c.topic); err == nil {
		name = mapped.Name
	}
	for i, msg := range messages {
		if msg == nil {
			continue
		}
		e := PublishEvent{
			Topic: c.topic, RocketMQTopic: name, Message: msg,
			Async: c.mode.async, Oneway: c.mode.oneway, Transaction: c.mode.transaction,
		}
		own := &c.observed[i]
		own.ctx = start(own.ctx, &e)
		own.injected = e.injected
	}
}

// endOne calls PublishEnd for a message of the call, which is over.
func (c *call) endOne(at int, r Result) {
	if end := c.p.hooks.PublishEnd; end != nil && c.observed[at].ctx != nil {
		end(c.observed[at].ctx, r)
	}
}

// end calls PublishEnd for all messages of the call.
func (c *call) end(results []Result) {
	for i, r := range results {
		c.endOne(i, r)
	}
}

// withInjected returns the properties of a message with those that hooks have added. They
// take the place of what the marshaler has made of metadata with the same name, which
// stands from the given place on. If there is no room for them, all is as if there were no
// hooks.
func (p *Publisher) withInjected(c *call, at int, list []headers.Property, from int, now time.Time) []headers.Property {
	if len(c.observed) == 0 || len(c.observed[at].injected) == 0 {
		return list
	}
	injected := c.observed[at].injected
	size := marshaler.PropertiesSize(list) + headers.PropertySize(longestDelayProperty.Name, longestDelayProperty.Value)
	for _, property := range injected {
		size += headers.PropertySize(property.Name, property.Value)
	}
	if size > p.cfg.MaxPropertiesSize {
		p.messageChanged(&p.logs.injected, "Left out the properties that hooks have added to a message, for which there is no room", c.topic, c.messages[at].uuid, now)
		return list
	}
	made := slices.DeleteFunc(list[from:], func(made headers.Property) bool {
		return slices.ContainsFunc(injected, func(p headers.Property) bool { return p.Name == made.Name })
	})
	return append(list[:from+len(made)], injected...)
}
