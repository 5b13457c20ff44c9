package store

import (
	"iter"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keys"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/consumequeue"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/index"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

func (s *Store) appendKeys(entries []index.Entry, r *commitlog.Record) []index.Entry {
	for key := range keys.Of(r.Message.Properties, s.cfg.TagIndex) {
		entries = append(entries, index.Entry{
			Hash: keys.Hash(r.Message.Topic, string(key)), Offset: r.Offset, StoreTimestamp: r.Message.StoreTimestamp,
		})
	}
	return entries
}

// tagCode is what the unit of a message is filtered by: the hash of its tag, or in the
// queues of delay levels when it is due (CommitLog.checkMessageAndReturnSize).
func tagCode(m *body.StoredMessage, delay func(level int) time.Duration) int64 {
	if m.Topic == headers.ScheduleTopic {
		return m.StoreTimestamp + delay(int(m.QueueID)+1).Milliseconds()
	}
	return int64(tags.HashOf(m.Properties))
}

// units yields the units of a queue as its files have them.
func (q *queue) units() iter.Seq[consumequeue.Unit] {
	return func(yield func(consumequeue.Unit) bool) {
		for i, u := range q.Units {
			if !yield(consumequeue.Unit{Offset: u.Offset, Size: u.Size, Tag: q.tags[i]}) {
				return
			}
		}
	}
}
