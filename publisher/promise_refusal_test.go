package publisher_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// marshalerFunc is a marshaler of one func.
type marshalerFunc func(topic string, msg *message.Message) (marshaler.Message, error)

func (f marshalerFunc) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	return f(topic, msg)
}

// mapperFunc is a topic mapper that cannot map back.
type mapperFunc func(topic string) (marshaler.MappedTopic, error)

func (f mapperFunc) MapTopic(topic string) (marshaler.MappedTopic, error) { return f(topic) }

func (mapperFunc) UnmapTopic(topic string, _ []headers.Property) (string, error) { return topic, nil }

func TestPromiseNilMeansStored(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		require.NoError(t, p.Publish(orders, newMessages(3)...))
		stored := messagesIn(c, orders)
		require.Len(t, stored, 3)
		for _, m := range stored {
			r := seen.next(t)
			require.Equal(t, publisher.Stored, r.Outcome)
			require.Equal(t, publisher.SendOK, r.Status)
			require.Equal(t, 1, r.Attempts)
			require.Empty(t, r.Failed)
			require.Equal(t, m.QueueOffset, r.QueueOffset)
			require.Equal(t, m.OffsetMessageID, r.OffsetMessageID)
			require.Equal(t, m.UniqueKey, r.MessageID)
			require.Equal(t, c.Broker(0).Addr(), r.BrokerAddr)
		}
	})
}

// Publishing nothing succeeds, whatever else is wrong: there is nothing that
// could have been lost.
func TestPromiseNoMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = func(publisher.Result) { t.Error("there is no message to tell of") }
		})
		require.NoError(t, p.Publish(orders))
		require.NoError(t, p.Publish(""))
		require.NoError(t, p.Close())
		require.NoError(t, p.Publish(orders))
		require.Zero(t, c.Stats().Accepted())
	})
}

// requireRefused checks that the call was refused for the message at that place
// before anything was sent: no connection has been opened.
func requireRefused(t *testing.T, c *embedded.Cluster, err error, at int) {
	t.Helper()
	failed := failureOf(t, err)
	require.Equal(t, publisher.NotSent, failed.Outcome())
	for i, r := range failed.Results {
		require.Equal(t, publisher.NotSent, r.Outcome)
		require.Equal(t, publisher.StatusNone, r.Status)
		require.Zero(t, r.Attempts)
		require.Empty(t, r.Failed)
		if i != at {
			require.Equal(t, publisher.ErrNotAttempted, r.Err)
		}
	}
	require.Same(t, &failed.Results[at], failed.Cause())
	require.NotErrorIs(t, err, publisher.ErrNotAttempted)
	require.Zero(t, c.Stats().Accepted(), "nothing may be sent")
}

func TestPromiseNilMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		for at := range 3 {
			messages := newMessages(3)
			messages[at] = nil
			err := p.Publish(orders, messages...)
			require.ErrorIs(t, err, publisher.ErrNilMessage)
			requireRefused(t, c, err, at)
			require.Empty(t, failureOf(t, err).Results[at].UUID)
		}
		err := p.Publish(orders, nil)
		require.ErrorIs(t, err, publisher.ErrNilMessage)
		requireRefused(t, c, err, 0)
	})
}

// A marshaler that fails, or returns what brokers refuse or lose, keeps the call
// from being sent, also when only the last message is the bad one.
func TestPromiseMarshalerRefuses(t *testing.T) {
	errOwn := errors.New("not today")
	body := []byte("x")
	for name, bad := range map[string]struct {
		message marshaler.Message
		err     error
		text    string
	}{
		"own error":         {err: errOwn, text: "not today"},
		"nil body":          {message: marshaler.Message{}, text: "empty body"},
		"empty body":        {message: marshaler.Message{Body: []byte{}}, text: "empty body"},
		"unique key":        {message: withProperty(body, "UNIQ_KEY", "1"), text: "UNIQ_KEY"},
		"no property name":  {message: withProperty(body, "", "v")},
		"no property value": {message: withProperty(body, "k", "")},
		"separator in name": {message: withProperty(body, "a\x01b", "v")},
		"separator in val":  {message: withProperty(body, "k", "a\x02b")},
		"properties size":   {message: withProperty(body, "k", strings.Repeat("v", 32000)), text: "limit"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, func(c *publisher.Config) {
					c.Marshaler = marshalerFunc(func(topic string, msg *message.Message) (marshaler.Message, error) {
						if string(msg.Payload) == "bad" {
							return bad.message, bad.err
						}
						return marshaler.Default{}.Marshal(topic, msg)
					})
				})
				err := p.Publish(orders, newMessage("fine"), newMessage("bad"))
				var refused *publisher.MarshalError
				require.ErrorAs(t, err, &refused)
				require.ErrorContains(t, err, bad.text)
				if bad.err != nil {
					require.ErrorIs(t, err, bad.err)
				}
				requireRefused(t, c, err, 1)
			})
		})
	}
}

func withProperty(body []byte, name, value string) marshaler.Message {
	return marshaler.Message{Body: body, Properties: []headers.Property{{Name: name, Value: value}}}
}

func TestPromiseDefaultMarshalerRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.MaxMessageSize = 10; c.MaxPropertiesSize = 1000 })

		illegal := newMessage("x")
		illegal.Metadata.Set(marshaler.MetadataTag, "a|b")
		err := p.Publish(orders, newMessage("x"), illegal)
		require.ErrorIs(t, err, marshaler.ErrIllegalTag)
		requireRefused(t, c, err, 1)

		large := newMessage("x")
		large.Metadata.Set("k", strings.Repeat("v", 1000))
		err = p.Publish(orders, large, newMessage("x"))
		var properties *marshaler.PropertiesTooLargeError
		require.ErrorAs(t, err, &properties)
		require.Equal(t, 1000, properties.Limit)
		requireRefused(t, c, err, 0)

		err = p.Publish(orders, newMessage("x"), newMessage("12345678901"))
		var body *publisher.MessageTooLargeError
		require.ErrorAs(t, err, &body)
		require.Equal(t, publisher.MessageTooLargeError{Size: 11, Limit: 10}, *body)
		requireRefused(t, c, err, 1)
	})
}

func TestPromiseTopicRefused(t *testing.T) {
	never := []string{
		"", "%RETRY%group", "%DLQ%group", "TBW102", "SCHEDULE_TOPIC_XXXX", "BenchmarkTest", "SELF_TEST_TOPIC",
		"OFFSET_MOVED_EVENT", "CHECKPOINT_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "RMQ_SYS_TRANS_HALF_TOPIC", "rmq_sys_anything",
	}
	name := func(name string) marshaler.TopicMapper {
		return mapperFunc(func(string) (marshaler.MappedTopic, error) { return marshaler.MappedTopic{Name: name}, nil })
	}
	for mapper, c := range map[string]struct {
		mapper marshaler.TopicMapper
		topics []string
	}{
		"default": {nil, never},
		"escape":  {marshaler.EscapeTopics{}, never},
		"plain":   {marshaler.PlainTopics{}, append([]string{"a.b", "a/b", "ü", "\xff", " ", strings.Repeat("a", 128)}, never...)},
		// A mapper of the user's own is trusted no more than a user.
		"own, illegal":  {name("a.b"), []string{orders}},
		"own, empty":    {name(""), []string{orders}},
		"own, system":   {name("TBW102"), []string{orders}},
		"own, too long": {name(strings.Repeat("a", 128)), []string{orders}},
	} {
		t.Run(mapper, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				p := publisherOn(t, cluster, func(config *publisher.Config) { config.Topics = c.mapper })
				for _, topic := range c.topics {
					err := p.Publish(topic, newMessages(2)...)
					var refused *marshaler.TopicError
					require.ErrorAs(t, err, &refused, topic)
					require.Equal(t, topic, failureOf(t, err).Topic)
					requireRefused(t, cluster, err, 0)
				}
			})
		})
	}
}

// What a mapper wants to travel with the message is held to the same rules as
// what a marshaler wants.
func TestPromiseTopicMapperRefused(t *testing.T) {
	errOwn := errors.New("no such tenant")
	for name, c := range map[string]struct {
		mapped marshaler.MappedTopic
		err    error
	}{
		"own error":     {err: errOwn},
		"bad property":  {mapped: marshaler.MappedTopic{Name: orders, Property: headers.Property{Name: "k", Value: "\x01"}}},
		"unique key":    {mapped: marshaler.MappedTopic{Name: orders, Property: headers.Property{Name: "UNIQ_KEY", Value: "1"}}},
		"property size": {mapped: marshaler.MappedTopic{Name: orders, Property: headers.Property{Name: "k", Value: strings.Repeat("v", 32000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				p := publisherOn(t, cluster, func(config *publisher.Config) {
					config.Topics = mapperFunc(func(string) (marshaler.MappedTopic, error) { return c.mapped, c.err })
				})
				err := p.Publish(orders, newMessages(2)...)
				if c.err != nil {
					require.ErrorIs(t, err, errOwn)
				} else {
					var refused *publisher.MarshalError
					require.ErrorAs(t, err, &refused)
				}
				requireRefused(t, cluster, err, 0)
			})
		})
	}
}
