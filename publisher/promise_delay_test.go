package publisher_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const (
	untilKey = delay.DelayedUntilKey
	forKey   = delay.DelayedForKey
)

var withLevels = embedded.WithVersion(headers.Version4_9_7)

// delayed returns a message with that delay.
func delayed(d delay.Delay) *message.Message {
	msg := newMessage("x")
	delay.Message(msg, d)
	return msg
}

// delayedBy records by which property each single message that arrives is to be
// delayed, such as "DELAY=3", empty if it is not.
func delayedBy(c *embedded.Cluster) *[]string {
	var seen []string
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		by := ""
		for name, value := range headers.Properties(r.Send.Properties) {
			if n := string(name); n == "DELAY" || strings.HasPrefix(n, "TIMER_") {
				by += n + "=" + string(value)
			}
		}
		seen = append(seen, by)
		return embedded.Fault{}
	})
	return &seen
}

// A message comes not before its time, wherever in a second that lies, and not
// more than two seconds after it.
func TestPromiseDelayIsNeverEarly(t *testing.T) {
	for _, into := range []time.Duration{0, 1, time.Millisecond, 499 * time.Millisecond, 999 * time.Millisecond, time.Second - 1} {
		for _, d := range []time.Duration{1, time.Millisecond, 700 * time.Millisecond, time.Second, 1001 * time.Millisecond, 5 * time.Second, 50 * time.Minute} {
			for name, set := range map[string]func(until time.Time) delay.Delay{
				"for":   func(time.Time) delay.Delay { return delay.For(d) },
				"until": delay.Until,
			} {
				t.Run(fmt.Sprintf("%s %v, %v into a second", name, d, into), func(t *testing.T) {
					inBubble(t, func(t *testing.T, c *embedded.Cluster) {
						time.Sleep(into)
						p := publisherOn(t, c, nil)
						until := time.Now().Add(d)
						msg := delayed(set(until))
						if name == "until" {
							delete(msg.Metadata, forKey)
						}
						require.NoError(t, p.Publish(orders, msg))
						awaitStored(t, c, orders, 1)
						require.False(t, time.Now().Before(until))
						require.LessOrEqual(t, time.Since(until), 3*time.Second)
					})
				})
			}
		}
	}
}

// On brokers with levels a delay that is one takes that time exactly.
func TestPromiseDelayLevelIsExact(t *testing.T) {
	for _, level := range []time.Duration{time.Second, 10 * time.Second, 30 * time.Minute} {
		for _, into := range []time.Duration{0, 1, 637 * time.Millisecond} {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				time.Sleep(into)
				p := publisherOn(t, c, nil)
				since := stopwatch()
				require.NoError(t, p.Publish(orders, delayed(delay.For(level))))
				awaitStored(t, c, orders, 1)
				require.InDelta(t, level, since(), float64(time.Millisecond))
			}, withLevels)
		}
	}
}

// The metadata decides, and _watermill_delayed_until before _watermill_delayed_for.
func TestPromiseDelayMetadata(t *testing.T) {
	// The time is 2000-01-01 00:00:10.5 UTC.
	timer := func(second int) string {
		return "TIMER_DELIVER_MS=" + strconv.FormatInt(time.Date(2000, 1, 1, 0, 0, second, int(time.Millisecond), time.UTC).UnixMilli(), 10)
	}
	for _, test := range []struct {
		name, until, lasts string
		want               string
		unreadable         string // the name of what is
	}{
		{name: "none"},
		{name: "duration alone", lasts: "1h"},
		{name: "duration alone, unreadable", lasts: "x"},
		{name: "empty", until: "", lasts: ""},
		{name: "past", until: "2000-01-01T00:00:09Z", lasts: "1h"},
		{name: "past, the rest does not matter", until: "2000-01-01T00:00:09Z", lasts: "x"},
		{name: "zero delay", until: "0001-01-01T00:00:00Z", lasts: "0s"},
		{name: "no longer a delay", until: "2000-01-01T00:00:10Z", lasts: "0s"},
		{name: "negative", until: "2000-01-01T00:00:10Z", lasts: "-300ms"},
		{name: "negative, and another time", until: "2000-01-01T00:00:10Z", lasts: "-1h", want: timer(11)},
		{name: "maybe within this second", until: "2000-01-01T00:00:10Z", want: timer(11)},
		{name: "ahead", until: "2000-01-01T00:00:20Z", want: timer(21)},
		{name: "ahead, and how long", until: "2000-01-01T00:00:20Z", lasts: "10s", want: timer(21)},
		{name: "ahead, and another length", until: "2000-01-01T00:00:20Z", lasts: "1h", want: timer(21)},
		{name: "ahead, and too short a length", until: "2000-01-01T00:00:20Z", lasts: "1s", want: timer(21)},
		{name: "another zone", until: "2000-01-01T01:00:20+01:00", want: timer(21)},
		{name: "a part of a second", until: "2000-01-01T00:00:20.001Z", want: timer(21)},
		{name: "unreadable", until: "tomorrow", unreadable: untilKey},
		{name: "another form", until: "2000-01-01 00:00:20", unreadable: untilKey},
		{name: "unreadable length", until: "2000-01-01T00:00:20Z", lasts: "long", unreadable: forKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				time.Sleep(10500 * time.Millisecond)
				seen := delayedBy(c)
				p := publisherOn(t, c, nil)
				msg := newMessage("x")
				if test.until != "" {
					msg.Metadata.Set(untilKey, test.until)
				}
				if test.lasts != "" {
					msg.Metadata.Set(forKey, test.lasts)
				}
				err := p.Publish(orders, msg)
				if test.unreadable != "" {
					var bad *publisher.DelayMetadataError
					require.ErrorAs(t, err, &bad)
					require.Equal(t, test.unreadable, bad.Name)
					require.Equal(t, msg.Metadata.Get(test.unreadable), bad.Value)
					require.Zero(t, sends(c))
					return
				}
				require.NoError(t, err)
				require.Equal(t, []string{test.want}, *seen)
			})
		})
	}
}

// Which level a delay gets on a broker that has no timers.
func TestPromiseDelayLevels(t *testing.T) {
	type levels = []time.Duration
	for _, test := range []struct {
		name    string
		delay   delay.Delay
		lasts   string // instead of the delay's own
		after   time.Duration
		levels  levels
		exact   string // with RequireLevel; "refused" if it is
		rounded string
	}{
		{name: "a level", delay: delay.For(10 * time.Second), exact: "DELAY=3", rounded: "DELAY=3"},
		{name: "a level, late", delay: delay.For(10 * time.Second), after: 3 * time.Second, exact: "DELAY=3", rounded: "DELAY=3"},
		{name: "a level, so late that a shorter one will do", delay: delay.For(10 * time.Second), after: 7 * time.Second, exact: "DELAY=2", rounded: "DELAY=2"},
		{name: "a level, long ago", delay: delay.For(10 * time.Second), after: time.Minute},
		{name: "the longest", delay: delay.For(2 * time.Hour), exact: "DELAY=18", rounded: "DELAY=18"},
		{name: "none", delay: delay.For(11 * time.Second), exact: "refused", rounded: "DELAY=4"},
		{name: "less than the first", delay: delay.For(time.Millisecond), exact: "refused", rounded: "DELAY=1"},
		{name: "over the longest", delay: delay.For(2*time.Hour + time.Second), exact: "refused", rounded: "refused"},
		{name: "another length", delay: delay.For(time.Hour), lasts: "10s", exact: "refused", rounded: "DELAY=18"},
		{name: "no length", delay: delay.For(10 * time.Second), lasts: "-", exact: "refused", rounded: "DELAY=4"},
		{name: "levels of one's own", delay: delay.For(7 * time.Second), levels: levels{time.Hour, 7 * time.Second}, exact: "DELAY=2", rounded: "DELAY=2"},
		{name: "not one's own", delay: delay.For(5 * time.Second), levels: levels{time.Hour, 7 * time.Second}, exact: "refused", rounded: "DELAY=2"},
	} {
		for _, round := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, rounded up %v", test.name, round), func(t *testing.T) {
				inBubble(t, func(t *testing.T, c *embedded.Cluster) {
					time.Sleep(637 * time.Millisecond)
					seen := delayedBy(c)
					p := publisherOn(t, c, func(c *publisher.Config) {
						c.Delay = publisher.DelayConfig{Levels: test.levels, RequireLevel: !round}
					})
					// Made here, since the time is that of the bubble.
					lasts, err := time.ParseDuration(delayed(test.delay).Metadata.Get(forKey))
					require.NoError(t, err)
					msg := delayed(delay.For(lasts))
					switch test.lasts {
					case "":
					case "-":
						delete(msg.Metadata, forKey)
					default:
						msg.Metadata.Set(forKey, test.lasts)
					}
					time.Sleep(test.after)
					want := test.exact
					if round {
						want = test.rounded
					}
					err = p.Publish(orders, msg)
					if want == "refused" {
						var refused *publisher.DelayLevelError
						require.ErrorAs(t, err, &refused)
						require.ErrorContains(t, err, refused.Delay.String())
						require.ErrorContains(t, err, fmt.Sprint(refused.Levels))
						require.Equal(t, c.Broker(0).Addr(), refused.Addr)
						require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
						require.Equal(t, 1, failureOf(t, err).Results[0].Attempts)
						require.Zero(t, sends(c))
						return
					}
					require.NoError(t, err)
					require.Equal(t, []string{want}, *seen)
				}, withLevels)
			})
		}
	}
}

// The delay is chosen anew for each attempt: by then less of it is left.
func TestPromiseDelayOfARetry(t *testing.T) {
	for _, test := range []struct {
		lasts, pause time.Duration // the pause is half of it at least
		second       string
	}{{10 * time.Second, 6 * time.Second, "DELAY=2"}, {time.Second, 4 * time.Second, ""}} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			seen := delayedBy(c)
			firstSend(c, embedded.Answer(headers.FlowControl, ""))
			p := publisherOn(t, c, func(c *publisher.Config) {
				c.SendTimeout = time.Minute
				c.Backoff = publisher.BackoffConfig{Min: test.pause, Max: test.pause}
				c.Delay.Levels = []time.Duration{time.Second, 7 * time.Second, 10 * time.Second}
			})
			require.NoError(t, p.Publish(orders, delayed(delay.For(test.lasts))))
			require.Len(t, *seen, 2)
			require.Equal(t, test.second, (*seen)[1])
			require.NotEmpty(t, (*seen)[0])
		}, withLevels)
	}
}

// Delays that are too long are refused by the publisher, and those that the
// broker refuses get the same type.
func TestPromiseDelayTooLong(t *testing.T) {
	t.Run("default", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, nil)
			require.NoError(t, p.Publish(orders, delayed(delay.For(3*24*time.Hour-2*time.Second))))
			require.Equal(t, 1, storedIn(c, "rmq_sys_wheel_timer"))
			err := p.Publish(orders, delayed(delay.For(3*24*time.Hour+time.Second)))
			var long *publisher.DelayTooLongError
			require.ErrorAs(t, err, &long)
			require.Equal(t, 3*24*time.Hour, long.Max)
			require.Greater(t, long.Delay, long.Max)
			require.Equal(t, 1, sends(c))
		})
	})
	t.Run("configured", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, func(c *publisher.Config) { c.Delay.Max = time.Minute })
			var long *publisher.DelayTooLongError
			require.ErrorAs(t, p.Publish(orders, delayed(delay.For(time.Hour))), &long)
			require.Equal(t, time.Minute, long.Max)
			require.Zero(t, sends(c))
		})
	})
	t.Run("by the broker", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, nil)
			err := p.Publish(orders, delayed(delay.For(3*time.Hour)))
			var long *publisher.DelayTooLongError
			require.ErrorAs(t, err, &long)
			require.Zero(t, long.Max)
			require.Greater(t, long.Delay, 3*time.Hour-time.Second)
			require.ErrorIs(t, err, &headers.StatusError{Code: headers.MessageIllegal})
			require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
			require.Equal(t, 1, sends(c))
		}, embedded.WithMaxDelay(time.Minute))
	})
}

func TestPromiseDelayWithoutTimers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		err := publisherOn(t, c, nil).Publish(orders, delayed(delay.For(3*time.Hour)))
		requireTimersDisabled(t, err)
		require.Equal(t, 1, sends(c))
		err = publisherOn(t, c, func(c *publisher.Config) { c.Delay.RequireLevel = true }).Publish(orders, delayed(delay.For(11*time.Second)))
		requireTimersDisabled(t, err)
		require.Equal(t, 2, sends(c))
	}, embedded.WithoutTimers())
}

// A broker that refuses a timer message gets it with a delay level.
func TestPromiseDelayByLevelWhereTimersAreRefused(t *testing.T) {
	for name, opt := range map[string]embedded.Option{"off": embedded.WithoutTimers(), "shorter": embedded.WithMaxDelay(time.Second)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen, by := newResults(), delayedBy(c)
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
				require.NoError(t, p.Publish(orders, delayed(delay.For(11*time.Second))))
				result := seen.next(t)
				require.Equal(t, 2, result.Attempts)
				require.Equal(t, publisher.NotSent, result.Failed[0].Outcome)
				require.Len(t, *by, 2)
				require.Equal(t, "DELAY=4", (*by)[1])
				since := stopwatch()
				awaitStored(t, c, orders, 1)
				require.InDelta(t, 30*time.Second, since(), float64(time.Millisecond), "from when it was stored")
			}, opt)
		})
	}
}

// A broker that takes the timer message goes before a level.
func TestPromiseDelayByTimerOfAnotherBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil && r.Server == "broker-b" {
				return embedded.Answer(headers.SystemError, "accurate timer message is not enabled, timerWheelEnable is false")
			}
			return embedded.Fault{}
		})
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		for range 4 {
			require.NoError(t, p.Publish(orders, delayed(delay.For(11*time.Second))))
			require.Equal(t, "broker-a", seen.next(t).MessageQueue.BrokerName)
		}
		require.Equal(t, 4, storedIn(c, "rmq_sys_wheel_timer"))
	}, embedded.WithBrokers(2))
}

func requireTimersDisabled(t testing.TB, err error) {
	t.Helper()
	var off *publisher.TimersDisabledError
	require.ErrorAs(t, err, &off)
	require.NotEmpty(t, off.Addr)
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.SystemError})
	require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	require.Equal(t, 1, failureOf(t, err).Results[0].Attempts)
}

// A delayed message goes alone, and one whose time is past is like any other.
func TestPromiseDelayedMessagesGoAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders,
			delayed(delay.For(-time.Hour)), delayed(delay.For(time.Hour)), newMessage("x"), delayed(delay.For(time.Hour)), delayed(delay.For(-time.Hour))))
		require.Equal(t, 3, sends(c))
		require.Equal(t, 3, storedIn(c, orders))
		require.Equal(t, 2, storedIn(c, "rmq_sys_wheel_timer"))
	})
}

// A marshaler may delay messages by itself. Then the metadata does not count.
func TestPromiseDelayByMarshaler(t *testing.T) {
	for _, test := range []struct {
		property headers.Property
		levels   bool // that brokers with levels only can do it
	}{
		{headers.Property{Name: "DELAY", Value: "5"}, true},
		{headers.Property{Name: "TIMER_DELAY_SEC", Value: "60"}, false},
		{headers.Property{Name: "TIMER_DELAY_MS", Value: "60000"}, false},
		{headers.Property{Name: "TIMER_DELIVER_MS", Value: strconv.FormatInt(time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC).UnixMilli(), 10)}, false},
	} {
		for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := delayedBy(c)
				p := publisherOn(t, c, func(c *publisher.Config) { c.Marshaler = soloMarshaler(test.property) })
				msg := newMessage("solo")
				delay.Message(msg, delay.For(11*time.Second))
				since := stopwatch()
				err := p.Publish(orders, msg)
				if !test.levels && version < headers.Version5_0_0 {
					var unsupported *rocketmq.UnsupportedError
					require.ErrorAs(t, err, &unsupported)
					require.Equal(t, rocketmq.UnsupportedError{
						Feature: rocketmq.FeatureTimer, Addr: c.Broker(0).Addr(), Version: version, Since: "5.0.0",
					}, *unsupported)
					require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
					require.Zero(t, sends(c))
					return
				}
				require.NoError(t, err)
				require.Equal(t, []string{test.property.Name + "=" + test.property.Value}, *seen)
				awaitStored(t, c, orders, 1)
				require.Equal(t, time.Minute, since())
			}, embedded.WithVersion(version))
		}
	}
}

// What RocketMQ cannot do together is refused, whoever asks for the delay.
func TestPromiseDelayCombinations(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		key := func(string, *message.Message) (string, error) { return "k", nil }
		ahead := delayed(delay.For(time.Hour))
		for name, test := range map[string]struct {
			change func(*publisher.Config)
			msg    *message.Message
			want   []rocketmq.Feature
		}{
			"key": {func(c *publisher.Config) { c.OrderingKey = key }, ahead, nil},
			"key, marshaler": {func(c *publisher.Config) {
				c.OrderingKey, c.Marshaler = key, soloMarshaler(headers.Property{Name: "DELAY", Value: "1"})
			}, newMessage("solo"), nil},
			"half message": {func(c *publisher.Config) {
				c.Marshaler = soloMarshaler(headers.Property{Name: "TRAN_MSG", Value: "true"})
			}, soloDelayed(), []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureDelay}},
			"key, time is past": {func(c *publisher.Config) { c.OrderingKey = key }, delayed(delay.For(-time.Hour)), nil},
			"key, level 0": {func(c *publisher.Config) {
				c.OrderingKey, c.Marshaler = key, soloMarshaler(headers.Property{Name: "DELAY", Value: "0"})
			}, newMessage("solo"), nil},
		} {
			before := sends(c)
			err := publisherOn(t, c, test.change).Publish(orders, test.msg)
			if test.want == nil {
				require.NoError(t, err, name)
				continue
			}
			var combination *publisher.CombinationError
			require.ErrorAs(t, err, &combination, name)
			require.Equal(t, test.want, combination.Features, name)
			require.Equal(t, before, sends(c), name)
		}
	})
}

func soloDelayed() *message.Message {
	msg := newMessage("solo")
	delay.Message(msg, delay.For(time.Hour))
	return msg
}

// The property that delays a message counts against the limit of them all.
func TestPromiseDelayCountsAgainstPropertiesSize(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var fits int
		for fits = 31_990; fits > 31_000; fits-- {
			msg := newMessage("x")
			msg.UUID = "u"
			delay.Message(msg, delay.For(time.Hour))
			msg.Metadata.Set("k", strings.Repeat("v", fits))
			if publisherOn(t, c, nil).Publish(orders, msg) == nil {
				break
			}
		}
		waits := messagesIn(c, "rmq_sys_wheel_timer")
		require.Len(t, waits, 1)
		sent := 0
		for _, property := range strings.SplitAfter(waits[0].RawProperties, "\x02") {
			name, _, _ := strings.Cut(property, "\x01")
			if !slices.Contains([]string{"MSG_REGION", "TRACE_ON", "CLUSTER", "REAL_TOPIC", "REAL_QID", "TIMER_OUT_MS"}, name) {
				sent += len(property)
			}
		}
		require.Equal(t, 32_000, sent+1, "in the year 2000 the time has a digit less")
	})
}

// Brokers lose a timer message that is too large to be read back, so a delayed
// message that is has a delay level.
func TestPromiseDelayLeavesRoomInTheMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.Compression.Codec = publisher.NoCompression })
		msg := newMessage(strings.Repeat("x", 4<<20))
		require.NoError(t, p.Publish(orders, msg))
		by := delayedBy(c)
		delay.Message(msg, delay.For(90*time.Second))
		require.NoError(t, p.Publish(orders, msg))
		require.Equal(t, []string{"DELAY=6"}, *by)
		awaitStored(t, c, orders, 2)

		delay.Message(msg, delay.For(3*time.Hour))
		err := p.Publish(orders, msg)
		var large *publisher.MessageTooLargeError
		require.ErrorAs(t, err, &large)
		require.True(t, large.Timer)
		require.ErrorIs(t, err, publisher.ErrPermanent)
		require.Equal(t, 2, sends(c))
	})
}

// Brokers of a topic may be of different versions: one that cannot delay the
// message as it wants to be hands it on to one that can.
func TestPromiseDelayWithBrokersOfTwoVersions(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		saysItIsOld(t, c, "broker-b")
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult, c.Delay.RequireLevel = seen.add, true })
		handedOn := 0
		for range 8 {
			require.NoError(t, p.Publish(orders, delayed(delay.For(11*time.Second))))
			result := seen.next(t)
			require.Equal(t, "broker-a", result.MessageQueue.BrokerName)
			for _, failed := range result.Failed {
				handedOn++
				require.ErrorAs(t, failed.Err, new(*publisher.DelayLevelError))
				require.Equal(t, publisher.NotSent, failed.Outcome)
			}
		}
		require.NotZero(t, handedOn)
		require.Equal(t, 8, sends(c))
	}, embedded.WithBrokers(2))
}

// saysItIsOld makes a broker say that it is version 4.9.7.
func saysItIsOld(t testing.TB, c *embedded.Cluster, broker string) {
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Server != broker || r.Code != headers.CodeHeartbeat {
			return embedded.Fault{}
		}
		frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version4_9_7, r.Command.Opaque, headers.Success, "", nil, nil)
		if err != nil {
			t.Error(err)
		}
		return embedded.AnswerBytes(frame)
	})
}

// What a broker can do is asked within the attempt. No answer costs that attempt,
// and leaves no doubt about the message.
func TestPromiseDelayWhenTheVersionIsNotKnown(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		hang := true
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if hang && r.Code == headers.CodeHeartbeat {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, nil)
		since := stopwatch()
		err := p.Publish(orders, delayed(delay.For(time.Hour)))
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.Equal(t, 3*time.Second, since())
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		require.ErrorIs(t, failureOf(t, err).Results[0].Failed[0].Err, publisher.ErrAttemptTimeout)
		require.Zero(t, sends(c))
		hang = false
		synctest.Wait()
		require.NoError(t, p.Publish(orders, delayed(delay.For(time.Hour))))
	})
}
