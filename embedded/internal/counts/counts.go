// Package counts counts messages that brokers have stored and handed out, as admin tools are
// told of them (BrokerStatsManager of 5.5.0).
package counts

import "time"

// Names of numbers (Stats of 5.5.0).
const (
	TopicPuts = "TOPIC_PUT_NUMS" // by topic
	GroupGets = "GROUP_GET_NUMS" // by topic@group
)

// Counts are those of one broker. It is not safe for concurrent use.
type Counts struct {
	most     int
	started  int64
	byName   map[string]map[string]*series
	put, got total
}

// New counts from a time on, to the millisecond, and tells so many keys of each name apart.
func New(most int, nowInMilli int64) *Counts {
	return &Counts{
		most: most, started: nowInMilli,
		byName: map[string]map[string]*series{TopicPuts: {}, GroupGets: {}},
		put:    total{day: dayOf(nowInMilli)}, got: total{day: dayOf(nowInMilli)},
	}
}

// Put notes that messages were stored in a topic. system tells topics of RocketMQ's own.
func (c *Counts) Put(topic string, n int, system bool, nowInMilli int64) {
	c.add(TopicPuts, topic, n, nowInMilli)
	if !system {
		c.put.add(int64(n), nowInMilli)
	}
}

// Got notes that a group got messages of a topic.
func (c *Counts) Got(group, topic string, n int, system bool, nowInMilli int64) {
	c.add(GroupGets, topic+"@"+group, n, nowInMilli)
	if !system {
		c.got.add(int64(n), nowInMilli)
	}
}

func (c *Counts) add(name, key string, n int, now int64) {
	all := c.byName[name]
	s := all[key]
	if s == nil {
		if len(all) >= c.most {
			return
		}
		s = &series{born: now}
		all[key] = s
	}
	s.advance(c.started, now)
	s.sum += int64(n)
	s.times++
}

// Stats is the body of the answer to VIEW_BROKER_STATS_DATA (BrokerStatsData).
type Stats struct {
	Minute Snapshot `json:"statsMinute"`
	Hour   Snapshot `json:"statsHour"`
	Day    Snapshot `json:"statsDay"`
}

// Of returns what there is to say of a number.
func (c *Counts) Of(name, key string, nowInMilli int64) (Stats, bool) {
	s := c.byName[name][key]
	if s == nil {
		return Stats{}, false
	}
	s.advance(c.started, nowInMilli)
	return Stats{s.snapshot(0), s.snapshot(1), s.snapshot(2)}, true
}

// Forget drops the numbers of a topic.
func (c *Counts) Forget(topic string) { delete(c.byName[TopicPuts], topic) }

// Totals are messages of all topics that are not RocketMQ's own: until yesterday morning,
// until this morning, and until now.
type Totals struct{ Yesterday, Today, Now int64 }

// Totals returns how many messages were stored, and how many were handed out.
func (c *Counts) Totals(nowInMilli int64) (put, got Totals) {
	return c.put.at(nowInMilli), c.got.at(nowInMilli)
}

// total is a sum that is noted each morning (BrokerStats).
type total struct {
	sum                    int64
	yesterday, thisMorning int64
	day                    int64
}

func (t *total) add(n, now int64) {
	t.turn(now)
	t.sum += n
}

func (t *total) at(now int64) Totals {
	t.turn(now)
	return Totals{t.yesterday, t.thisMorning, t.sum}
}

// turn notes the sum of mornings that have passed.
func (t *total) turn(now int64) {
	day := dayOf(now)
	switch {
	case day <= t.day:
		return
	case day == t.day+1:
		t.yesterday = t.thisMorning
	default:
		t.yesterday = t.sum
	}
	t.thisMorning, t.day = t.sum, day
}

// dayOf counts days, which begin at midnight here.
func dayOf(millis int64) int64 {
	at := time.UnixMilli(millis)
	_, offset := at.Zone()
	return (at.Unix() + int64(offset)) / int64(24*time.Hour/time.Second)
}
