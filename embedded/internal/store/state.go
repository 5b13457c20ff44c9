package store

import (
	"errors"
	"maps"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/settings"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// State is what a broker knows beside its messages.
type State struct {
	Topics  map[string]settings.Topic
	Groups  map[string]headers.SubscriptionGroupConfig
	Offsets map[offsets.Queue]int64
	// Delays has by level the next message of its queue that is to be delivered, Timers is
	// that of timer messages.
	Delays map[int]int64
	Timers int64
}

// files are those of a State, as they were read or written last.
type stateFiles struct {
	topics  *settings.Topics
	groups  *settings.Groups
	offsets *settings.Offsets
	delays  *settings.Delays
	timers  int64
}

func readState(dir string) (f stateFiles, err error) {
	var errs [5]error
	f.topics, errs[0] = settings.ReadTopics(dir)
	f.groups, errs[1] = settings.ReadGroups(dir)
	f.offsets, errs[2] = settings.ReadOffsets(dir)
	f.delays, errs[3] = settings.ReadDelays(dir)
	f.timers, errs[4] = ReadTimerCheck(dir)
	return f, errors.Join(errs[:]...)
}

// State is what was read when the folder was opened, or saved last.
func (s *Store) State() State {
	return State{s.state.topics.Table, s.state.groups.Table, s.state.offsets.Table, s.state.delays.Table, s.state.timers}
}

// Save writes what has changed since it was written last. It is not for concurrent use. The
// maps are the store's from then on.
func (s *Store) Save(to State, nowInMilli int64) error {
	f := &s.state
	var errs []error
	if !maps.EqualFunc(f.topics.Table, to.Topics, equalTopics) {
		if err := replace(&f.topics.Table, to.Topics, f.topics.Write); err != nil {
			return err // messages of a topic that is not there are lost: no offset may count on them
		}
	}
	if !maps.EqualFunc(f.groups.Table, to.Groups, equalGroups) {
		errs = append(errs, replace(&f.groups.Table, to.Groups, f.groups.Write))
	}
	if !maps.Equal(f.offsets.Table, to.Offsets) {
		errs = append(errs, replace(&f.offsets.Table, to.Offsets, f.offsets.Write))
	}
	if !maps.Equal(f.delays.Table, to.Delays) {
		errs = append(errs, replace(&f.delays.Table, to.Delays, f.delays.Write))
	}
	if f.timers != to.Timers {
		errs = append(errs, replace(&f.timers, to.Timers, func() error { return WriteTimerCheck(s.cfg.Dir, nowInMilli, to.Timers) }))
	}
	return errors.Join(errs...)
}

// replace writes what a file is to have instead of a value. If that fails the value stays, so
// that the next Save tries again.
func replace[T any](value *T, by T, write func() error) error {
	before := *value
	*value = by
	err := write()
	if err != nil {
		*value = before
	}
	return err
}

func equalTopics(a, b settings.Topic) bool {
	return a.ReadQueues == b.ReadQueues && a.WriteQueues == b.WriteQueues && a.Perm == b.Perm && a.Order == b.Order &&
		a.SysFlag == b.SysFlag && maps.Equal(a.Attributes, b.Attributes)
}

func equalGroups(a, b headers.SubscriptionGroupConfig) bool {
	x, errX := a.Encode()
	y, errY := b.Encode()
	return errX == nil && errY == nil && string(x) == string(y)
}
