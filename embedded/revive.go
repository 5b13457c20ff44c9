package embedded

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/versions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// armRevive has revive run when the time of the next check point has come. The caller
// holds b.mu.
func (b *Broker) armRevive() {
	at, ok := b.pop.NextRevival()
	if !ok || b.reviving != nil && b.reviveAt <= at {
		return
	}
	if b.reviving != nil {
		b.reviving.Cancel()
	}
	b.reviveAt = at
	b.reviving = b.cluster.timers.At(time.UnixMilli(at), b.revive)
}

// revive delivers again what was popped and not acknowledged in time. A broker that does
// not run does so when it is started again.
func (b *Broker) revive() {
	b.mu.Lock()
	b.reviving = nil
	// Asked under mu, so that whoever starts the broker finds what is due.
	if !b.srv.Running() {
		b.mu.Unlock()
		return
	}
	var w woken
	for _, r := range b.pop.Revive(b.millis()) {
		w.add(b.reviveLocked(&r))
	}
	b.armRevive()
	b.mu.Unlock()
	b.wake(w)
}

// reviveLocked puts a copy of a message into the retry topic (PopReviveService.reviveRetry
// of 5.5.0). A message whose topic or group is gone, or that is gone itself, is passed
// over. The caller holds b.mu.
func (b *Broker) reviveLocked(r *pop.Revival) woken {
	base, group := pop.BaseTopic(r.Queue.Group, r.Queue.Topic), r.Queue.Group
	if _, ok := b.configs[group]; !ok || b.topics[base] == nil {
		return woken{}
	}
	raw := b.topics[r.Queue.Topic].look(r.Queue.ID).Raw(r.Offset)
	name := b.pop.RetryTopic(group, r.Queue.Topic)
	if raw == nil || !hasRoom(b.topics, name) {
		return woken{}
	}
	again, tag, err := b.pop.RetryCopy(raw, r, b.storeHost)
	if err != nil {
		return woken{} // properties over the limit: a real broker tries again, in vain
	}
	t := b.topics[name]
	if t == nil {
		t = b.putTopicLocked(name, 1, 1, headers.PermRead|headers.PermWrite)
	}
	q := offsets.Queue{Group: group, Topic: name}
	if _, ok := b.offsets.Get(q); !ok {
		b.offsets.Commit(q, 0)
	}
	e := entry{Raw: again, TagHash: tag}
	s, w, err := b.putLocked(t, 0, []entry{e})
	b.keeper.Move(r.Queue, r.Offset)
	stored := func() { b.moved(r.Queue, r.Offset) }
	w.writes = append(w.writes, pendingWrite{s.Write, err, stored, func() { b.insistLater(t, 0, e, stored) }})
	passes := func(f *filters.Filter) bool { return f.PassesHash(tag) && f.PassesRecord(again) }
	any := offsets.Queue{Group: group, Topic: base, ID: pop.AnyQueue}
	if p, ok := b.pops.Wake(any, passes); ok {
		w.parked = append(w.parked, p)
	}
	if b.cluster.cfg.version >= versions.OrderFree {
		if p, ok := b.notices.Wake(any, passes); ok {
			w.parked = append(w.parked, p)
		}
	}
	return w
}
