package publisher_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const traceTopic = publisher.DefaultTraceTopic

// withTrace makes the topic that brokers make with traceTopicEnable.
var withTrace = embedded.WithTopic(traceTopic, 1)

func tracing(seen *results) func(*publisher.Config) {
	return func(c *publisher.Config) {
		c.Trace.Enabled = true
		c.OnResult = seen.add
	}
}

// traceFields are the records of the trace topic, split into their fields, by the
// message ids that they are about.
func traceFields(t testing.TB, c *embedded.Cluster) map[string][]string {
	t.Helper()
	byID := make(map[string][]string)
	for _, m := range messagesIn(c, traceTopic) {
		s := fromEmbedded(t, m)
		keys := make(map[string]bool)
		for _, key := range strings.Fields(s.Keys) {
			keys[key] = true
		}
		for record := range strings.SplitSeq(strings.TrimSuffix(string(s.Body), "\x02"), "\x02") {
			fields := strings.Split(record, "\x01")
			require.Len(t, fields, 14)
			require.True(t, keys[fields[5]])
			require.True(t, keys[fields[7]])
			require.Nil(t, byID[fields[5]])
			byID[fields[5]] = fields
		}
	}
	return byID
}

// Each stored message has a record that says what its result says. Records are
// gathered for a second, into as few messages as they need.
func TestPromiseTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		onSend(c, func(_ int, r embedded.Request) embedded.Fault {
			if r.Send.Topic == orders {
				return embedded.DelayAnswer(30 * time.Millisecond)
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, tracing(seen))
		began := time.Now()
		require.NoError(t, p.Publish(orders, newMessages(3)...))
		require.NoError(t, p.Publish(orders, newMessage(strings.Repeat("compressed", 1000))))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, messagesIn(c, traceTopic), 1)
		traces := traceFields(t, c)
		require.Len(t, traces, 4)
		bodies := make(map[string]int)
		for _, m := range messagesIn(c, orders) {
			bodies[m.UniqueKey] = len(m.Body)
		}
		for i := range 4 {
			r := seen.next(t)
			at := began.UnixMilli()
			if i == 3 {
				at += 30
			}
			require.Equal(t, []string{
				"Pub", fmt.Sprint(at), "DefaultRegion", publisher.DefaultProducerGroup, orders, r.MessageID, "null", r.UUID,
				r.BrokerAddr, fmt.Sprint(bodies[r.MessageID]), "30", "0", r.OffsetMessageID, "true",
			}, traces[r.MessageID])
		}
		require.Empty(t, seen.c, "trace messages are not the user's")
		require.Zero(t, publisher.Inside(p))
	}, withTrace)
}

// Close sends what has gathered.
func TestPromiseTraceClose(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, tracing(newResults()))
		for range 100 {
			require.NoError(t, p.Publish(orders, newMessages(50)...))
		}
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
		require.Len(t, traceFields(t, c), 5000)
		for _, m := range messagesIn(c, traceTopic) {
			require.LessOrEqual(t, len(fromEmbedded(t, m).Body), 128_000)
		}
	}, withTrace)
}

// Off by default: no trace, and nothing that a trace would need.
func TestPromiseTraceIsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.NoError(t, p.Close())
		require.Empty(t, messagesIn(c, traceTopic))
		require.Equal(t, 2, c.Stats().Accepted(), "one connection to the name server, one to the broker")
	}, withTrace)
}

// What is not stored, or not known to be, has no trace; and the trace topic itself
// is never traced.
func TestPromiseTraceOnlyStored(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(_ int, r embedded.Request) embedded.Fault {
			if string(r.Command.Body) == "bad" {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Fault{}
		})
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.Trace = publisher.TraceConfig{Enabled: true, Topic: "traces"}
		})
		require.Error(t, p.Publish(orders, newMessage("bad")))
		require.NoError(t, p.PublishOneway(orders, newMessage("one-way")))
		require.NoError(t, p.Publish("traces", newMessage("mine")))
		require.NoError(t, p.Close())
		require.Equal(t, 1, storedIn(c, "traces"))
		require.Equal(t, "mine", string(messagesIn(c, "traces")[0].Body))
	}, embedded.WithTopic("traces", 1))
}

// A message that is not flushed in time is a failure in its trace, as with the Java
// client.
func TestPromiseTraceNotDurable(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.StoreThenAnswer(headers.FlushDiskTimeout, ""))
		seen := newResults()
		p := unclosedPublisherOn(t, c, tracing(seen))
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.NoError(t, p.Close())
		require.Equal(t, "false", traceFields(t, c)[seen.next(t).MessageID][13])
	}, withTrace)
}

// A broker that answers TRACE_ON=false wants none. Java reads no other word so.
func TestPromiseTraceSwitchedOffByBroker(t *testing.T) {
	for value, want := range map[string]int{"false": 0, "true": 1, "": 1, "FALSE": 1} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			onSend(c, func(_ int, r embedded.Request) embedded.Fault {
				if r.Send.Topic != orders {
					return embedded.Fault{}
				}
				frame, err := headers.AppendResponse(nil, headers.JSON, r.Command.Opaque, headers.Success, "", headers.FieldList{
					{Name: "MSG_REGION", Value: "north"},
					{Name: "TRACE_ON", Value: value},
					{Name: "msgId", Value: "7F00000100002A9F0000000000000000"},
					{Name: "queueId", Value: "0"},
					{Name: "queueOffset", Value: "0"},
				}, nil)
				if err != nil {
					t.Error(err)
				}
				return embedded.AnswerBytes(frame)
			})
			p := unclosedPublisherOn(t, c, tracing(newResults()))
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.NoError(t, p.Close())
			traces := traceFields(t, c)
			require.Len(t, traces, want, "TRACE_ON is %q", value)
			for _, fields := range traces {
				require.Equal(t, "north", fields[2])
			}
		}, withTrace)
	}
}

// lossLog counts what TracesDropped and the log are told.
type lossLog struct {
	watermill.NopLogger
	mu      sync.Mutex
	dropped int
	causes  []error
	lines   []watermill.LogFields
}

func (l *lossLog) add(n int, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped += n
	l.causes = append(l.causes, cause)
}

func (l *lossLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }

func (l *lossLog) Error(msg string, err error, fields watermill.LogFields) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if msg == "Message traces lost" && err != nil {
		l.lines = append(l.lines, fields)
	}
}

// logged is the number of records that log lines speak of.
func (l *lossLog) logged() int {
	n := 0
	for _, fields := range l.lines {
		n += fields["records"].(int)
	}
	return n
}

func tracingPublisher(t *testing.T, c *embedded.Cluster, losses *lossLog, change func(*publisher.Config)) *publisher.Publisher {
	cfg := publisher.Config{Cluster: c.Config()}
	cfg.Trace.Enabled = true
	cfg.Hooks = append(cfg.Hooks, publisher.Hooks{TracesDropped: losses.add})
	if change != nil {
		change(&cfg)
	}
	p, err := publisher.New(cfg, losses)
	require.NoError(t, err)
	return p
}

// Traces that find no room hold up no message. They are counted, and each record is
// either sent or told of as lost.
func TestPromiseTraceFull(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(_ int, r embedded.Request) embedded.Fault {
			if r.Send.Topic == traceTopic {
				return embedded.DelayAnswer(time.Second)
			}
			return embedded.Fault{}
		})
		var losses lossLog
		p := tracingPublisher(t, c, &losses, func(c *publisher.Config) { c.Trace.Waiting = 10 })
		for range 5 {
			elapsed := stopwatch()
			require.NoError(t, p.Publish(orders, newMessages(15)...))
			require.Zero(t, elapsed())
			time.Sleep(1600 * time.Millisecond) // now one that is being sent is in the way, now none
		}
		require.NoError(t, p.Close())
		sent := len(traceFields(t, c))
		require.Equal(t, 30, sent, "10 of every other call: those that are being sent take room as well")
		require.Equal(t, 75, sent+losses.dropped)
		require.ErrorContains(t, losses.causes[0], "Config.Trace.Waiting")
		require.Equal(t, losses.dropped, losses.logged())
		require.Len(t, losses.lines, 2, "one at once, and one by Close")
	}, withTrace)
}

// Traces that cannot be sent are lost, and told of with the reason; the log is told
// once a minute.
func TestPromiseTraceNoTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var losses lossLog
		p := tracingPublisher(t, c, &losses, nil)
		elapsed := stopwatch()
		for elapsed() < 3*time.Minute {
			require.NoError(t, p.Publish(orders, newMessage("x")))
			time.Sleep(10 * time.Second)
		}
		require.NoError(t, p.Close())
		require.Equal(t, 18, losses.dropped)
		require.Len(t, losses.causes, 18)
		require.ErrorContains(t, losses.causes[0], traceTopic)
		require.LessOrEqual(t, len(losses.lines), 4)
		require.Equal(t, 18, losses.logged())
	}, embedded.WithoutAutoCreateTopic())
}

// Close gives traces the time that is left of CloseTimeout, and no more.
func TestPromiseTraceCloseTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(_ int, r embedded.Request) embedded.Fault {
			if r.Send.Topic == traceTopic {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		var losses lossLog
		p := tracingPublisher(t, c, &losses, func(c *publisher.Config) { c.CloseTimeout = 3 * time.Second })
		require.NoError(t, p.Publish(orders, newMessages(7)...))
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Equal(t, 3*time.Second, elapsed())
		require.Equal(t, 7, losses.dropped)
		require.Equal(t, 7, losses.logged())
	}, withTrace)
}

// Many at once, and Close among them: a record for each message that is stored.
func TestPromiseTraceCrowd(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.Trace.Enabled = true })
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 50 {
					if err := p.Publish(orders, newMessages(4)...); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Close())
		traces := traceFields(t, c)
		require.Len(t, traces, 32*50*4)
		for _, m := range messagesIn(c, orders) {
			require.Equal(t, m.OffsetMessageID, traces[m.UniqueKey][12])
		}
	}, withTrace)
}

// What a broker fills in cannot make up fields or records: what a record does not
// carry is left out of it.
func TestPromiseTraceForged(t *testing.T) {
	for name, forged := range map[string]string{
		"field":  "north\x01forged",
		"record": "north\x02Pub\x01forged",
		"long":   strings.Repeat("north", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				onSend(c, func(_ int, r embedded.Request) embedded.Fault {
					if r.Send.Topic != orders {
						return embedded.Fault{}
					}
					frame, err := headers.AppendResponse(nil, headers.JSON, r.Command.Opaque, headers.Success, "", headers.FieldList{
						{Name: "MSG_REGION", Value: forged},
						{Name: "msgId", Value: forged},
						{Name: "queueId", Value: "0"},
						{Name: "queueOffset", Value: "0"},
					}, nil)
					if err != nil {
						t.Error(err)
					}
					return embedded.AnswerBytes(frame)
				})
				seen := newResults()
				p := unclosedPublisherOn(t, c, tracing(seen))
				require.NoError(t, p.Publish(orders, newMessage("x")))
				require.NoError(t, p.Close())
				traces := traceFields(t, c)
				require.Len(t, traces, 1)
				fields := traces[seen.next(t).MessageID]
				require.Equal(t, "DefaultRegion", fields[2])
				require.Empty(t, fields[12])
			}, withTrace)
		})
	}
}

// The goodbyes to brokers that do not answer, that of the traces' own producer too,
// are a second in all, and not beyond CloseTimeout.
func TestPromiseTraceCloseSilentBroker(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		10 * time.Second: time.Second, 100 * time.Millisecond: 100 * time.Millisecond,
	} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
				c.Trace.Enabled = true
				c.CloseTimeout = limit
			})
			require.NoError(t, p.Publish(orders, newMessage("x")))
			time.Sleep(2 * time.Second)
			require.Len(t, traceFields(t, c), 1, "its producer is connected too")
			c.Broker(0).SetCondition(embedded.Hanging)
			elapsed := stopwatch()
			require.NoError(t, p.Close())
			require.Equal(t, want, elapsed())
			c.Broker(0).SetCondition(embedded.Well)
		}, withTrace)
	}
}

// A panic of the hook is logged: it runs on a goroutine that is not the user's.
func TestPromiseTraceHookPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		logs := watermill.NewCaptureLogger()
		cfg := publisher.Config{Cluster: c.Config()}
		cfg.Trace.Enabled = true
		calls := 0
		cfg.Hooks = append(cfg.Hooks, publisher.Hooks{TracesDropped: func(int, error) {
			calls++
			panic("mine")
		}})
		p, err := publisher.New(cfg, logs)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, p.Publish(orders, newMessage("x")))
			time.Sleep(2 * time.Second)
		}
		require.NoError(t, p.Close())
		require.Equal(t, 3, calls)
		told := 0
		for _, line := range logs.Captured()[watermill.ErrorLogLevel] {
			if line.Msg == "Hooks.TracesDropped panicked" {
				require.ErrorContains(t, line.Err, "panic: mine")
				told++
			}
		}
		require.Equal(t, 1, told, "one in 30 s")
	}, embedded.WithoutAutoCreateTopic())
}
