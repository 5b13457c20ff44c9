package pull

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Where a group begins is durable from Initialize on, and does not change for a group that
// is there already.
func TestWhereAGroupBegins(t *testing.T) {
	for name, tc := range map[string]struct {
		from engine.From
		want []string // beside what comes after Initialize
	}{
		"earliest": {engine.From{}, []string{"a0", "a1", "b0", "b1"}},
		"latest":   {engine.From{Position: engine.Latest}, nil},
		"time":     {engine.From{Position: engine.FromTime}, []string{"b0", "b1"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := newPeer(t, c.Config(), group, nil)
				fill(t, c, p.client, "a", 2)
				time.Sleep(time.Hour)
				tc.from.Time = time.Now()
				fill(t, c, p.client, "b", 2)
				want := tc.want
				read := engine.Topic{Name: topic, From: tc.from}
				require.NoError(t, p.engine.Initialize(t.Context(), read))
				want = append(want, fill(t, c, p.client, "c", 8)...)
				s := p.subscribe(read, ack, nil)
				time.Sleep(time.Second)
				require.ElementsMatch(t, want, s.received())
				s.end()
				fill(t, c, p.client, "d", 1)
				require.NoError(t, p.engine.Initialize(t.Context(), engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}))
				again := p.subscribe(engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}, ack, nil)
				time.Sleep(time.Second)
				require.Equal(t, []string{"d0"}, again.received())
				again.end()
				p.close()
			})
		})
	}
}

// A queue that is added later has nothing that came before the group.
func TestNewQueuesAreReadFromTheirFirstMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		fill(t, c, p.client, "a", 4)
		s := p.subscribe(engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}, ack, nil)
		time.Sleep(time.Second)
		c.Broker(0).SetQueues(topic, queues+1, queues+1)
		publish(t, p.client, c.Broker(0).Addr(), topic, queues, "new")
		time.Sleep(time.Minute)
		require.Equal(t, []string{"new"}, s.received())
		require.Len(t, s.fetcher.Queues(), queues+1)
		s.end()
		p.close()
	})
}

// An offset that cannot be had is not 0.
func TestAFailedQueryIsNoOffset(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		fill(t, c, p.client, "a", 4)
		first := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		first.end()
		fails := c.Intercept(func(r embedded.Request) embedded.Fault {
			switch r.Code {
			case headers.CodeQueryConsumerOffset:
				return embedded.Answer(headers.SystemError, "no")
			case headers.CodePullMessage:
				if h, err := headers.ParsePullMessage(&r.Command); err == nil && h.Topic == topic {
					t.Error("pulled without an offset")
				}
			}
			return embedded.Fault{}
		})
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Minute)
		fails()
		time.Sleep(10 * time.Second)
		require.Empty(t, s.received())
		fill(t, c, p.client, "b", 4)
		synctest.Wait()
		require.Len(t, s.received(), 4)
		s.end()
		p.close()
	})
}

// Seek moves a group that nobody else is in.
func TestSeek(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, other := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		read := engine.Topic{Name: topic}
		want := fill(t, c, p.client, "a", 8)
		require.NoError(t, p.engine.Seek(t.Context(), read, engine.From{Position: engine.Latest}), "before anybody is there")
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		s := p.subscribe(read, ack, nil)
		time.Sleep(time.Second)
		require.Empty(t, s.received())
		require.NoError(t, p.engine.Seek(t.Context(), read, engine.From{}))
		time.Sleep(time.Second)
		require.ElementsMatch(t, want, s.received())
		require.NoError(t, p.engine.Seek(t.Context(), read, engine.From{Position: engine.Latest}))
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		second := other.subscribe(read, ack, nil)
		time.Sleep(time.Second)
		var others *OtherMembersError
		require.ErrorAs(t, p.engine.Seek(t.Context(), read, engine.From{}), &others)
		require.Equal(t, []string{other.engine.id}, others.Members)
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		s.end()
		second.end()
		p.close()
		other.close()
	})
}

// A queue that is begun while Seek moves it is moved as well, also if it has asked for its offset
// before that was moved.
func TestSeekWhileASubscriptionBegins(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		read := engine.Topic{Name: topic}
		want := fill(t, c, p.client, "a", 8)
		s := p.subscribe(read, ack, nil)
		time.Sleep(time.Second)
		s.end()
		late := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeUpdateConsumerOffset {
				return embedded.Delay(2 * time.Second)
			}
			return embedded.Fault{}
		})
		sought := make(chan error, 1)
		go func() { sought <- p.engine.Seek(t.Context(), read, engine.From{}) }()
		time.Sleep(time.Second)
		again := p.subscribe(read, ack, nil)
		require.NoError(t, <-sought)
		late()
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, want, again.received())
		again.end()
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		p.close()
	})
}

// An administrator of an older broker has it push the offsets to go on at.
func TestResetByTheBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		fill(t, c, p.client, "a", 8)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Len(t, s.received(), 8)
		body := headers.ResetOffsetData{Offsets: []headers.QueueOffset{
			{MessageQueue: headers.MessageQueue{Topic: topic, BrokerName: "broker-a", QueueID: 1}, Offset: 1},
			{MessageQueue: headers.MessageQueue{Topic: topic, BrokerName: "broker-b", QueueID: 2}, Offset: 1},
		}}
		require.Equal(t, 1, c.Broker(0).SendToClients(headers.CodeResetClientOffset, &headers.ResetOffset{Push: true, ConsumerGroup: group, Topic: topic}, body.Encode()))
		time.Sleep(time.Second)
		require.Len(t, s.received(), 9)
		require.Equal(t, "a5", s.received()[8])
		s.end()
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		p.close()
	})
}

// What a broker says of a queue that has lost its end, or its beginning, counts at once.
func TestOffsetsThatAreGone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		fill(t, c, p.client, "a", 40)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Len(t, s.received(), 8, "the newest two of each queue")
		c.Broker(0).DeleteTopic(topic)
		require.NoError(t, c.Broker(0).CreateTopic(topic, queues))
		time.Sleep(30 * time.Second)
		fill(t, c, p.client, "b", 4)
		time.Sleep(30 * time.Second)
		require.Equal(t, []string{"b0", "b1", "b2", "b3"}, sorted(s.received()[8:]))
		s.end()
		require.Equal(t, []int64{1, 1, 1, 1}, offsets(c, group))
		p.close()
	}, embedded.WithRetention(2))
}

// A topic whose offsets a broker refuses does not keep those of other topics from it.
func TestRefusedOffsetsOfATopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("returns", 1))
		p := newPeer(t, c.Config(), group, nil)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		other := p.subscribe(engine.Topic{Name: "returns"}, ack, nil)
		time.Sleep(time.Second)
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeUpdateConsumerOffset && r.Command.Fields.String("topic") == topic {
				return embedded.Answer(headers.TopicNotExist, "no")
			}
			return embedded.Fault{}
		})
		fill(t, c, p.client, "m", 4)
		publish(t, p.client, c.Broker(0).Addr(), "returns", 0, "n")
		time.Sleep(time.Minute)
		offset, _ := c.Broker(0).ConsumerOffset(group, "returns", 0)
		require.EqualValues(t, 1, offset)
		require.Equal(t, []int64{0, 0, 0, 0}, offsets(c, group), "those of before")
		works()
		s.end()
		other.end()
		p.close()
	})
}
