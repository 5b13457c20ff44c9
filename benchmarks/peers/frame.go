package peers

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// encodeFrame encodes a request of n messages with the body payload, just as our
// publisher with its defaults would send it: the properties, the header, its
// serialization and the compression. frame_test.go holds the two together.
func encodeFrame(opaque int32, queue routing.MessageQueue, payload []byte, n int) ([]byte, error) {
	h := headers.SendMessage{
		ProducerGroup:      publisher.DefaultProducerGroup,
		Topic:              queue.Topic,
		DefaultTopic:       routing.DefaultTopic,
		DefaultTopicQueues: routing.DefaultTopicQueues,
		QueueID:            queue.QueueID,
		BornTimestamp:      time.Now().UnixMilli(),
		BrokerName:         queue.BrokerName,
	}
	data, sysFlag, err := compressed(payload)
	if err != nil {
		return nil, err
	}
	if n == 1 {
		if h.Properties, err = newProperties(queue.Topic, payload); err != nil {
			return nil, err
		}
		h.SysFlag = sysFlag
		return headers.AppendRequest(nil, headers.Binary, opaque, false, &h, data)
	}
	if sysFlag != 0 {
		return nil, fmt.Errorf("peers: raw: a body of %d bytes is worth compressing, and no batch may carry it", len(payload))
	}
	h.Batch = true
	var batch []byte
	for range n {
		properties, err := newProperties(queue.Topic, payload)
		if err != nil {
			return nil, err
		}
		if batch, err = body.AppendBatchMessage(batch, 0, data, properties); err != nil {
			return nil, err
		}
	}
	return headers.AppendRequest(nil, headers.Binary, opaque, false, &h, batch)
}

// compressed returns the body as the publisher sends it.
func compressed(payload []byte) ([]byte, int32, error) {
	const threshold, level = 4096, 5 // publisher.CompressionConfig
	if len(payload) < threshold {
		return payload, 0, nil
	}
	c, err := body.NewCompressor(body.Zlib, level)
	if err != nil {
		return nil, 0, fmt.Errorf("peers: raw: %w", err)
	}
	packed, err := c.Compress(nil, payload)
	if err != nil {
		return nil, 0, fmt.Errorf("peers: raw: %w", err)
	}
	if len(packed) >= len(payload) {
		return payload, 0, nil
	}
	return packed, c.SysFlag(), nil
}

// newProperties is the properties string of a message with an id of its own.
func newProperties(topic string, payload []byte) ([]byte, error) {
	m, err := marshaler.Default{}.Marshal(topic, message.NewMessage(watermill.NewUUID(), payload))
	if err != nil {
		return nil, fmt.Errorf("peers: raw: %w", err)
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, fmt.Errorf("peers: raw: %w", err)
	}
	p := headers.AppendProperty(nil, headers.PropertyUniqueKey, strings.ToUpper(hex.EncodeToString(id)))
	for _, property := range m.Properties {
		p = headers.AppendProperty(p, property.Name, property.Value)
	}
	return p, nil
}
