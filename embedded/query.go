package embedded

import (
	"bytes"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keys"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/versions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// uniqueQueryMost is how many messages a query by unique id may give
// (MessageStoreConfig.defaultQueryMaxNum), queryMost how many any other one
// (maxMsgsNumBatch, which IndexService.queryOffset goes by).
const (
	uniqueQueryMost = 32
	queryMost       = 64
)

// viewMessage answers VIEW_MESSAGE_BY_ID.
func (b *Broker) viewMessage(rq *request) answer {
	h, err := headers.ParseViewMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	_, raw, ok := b.storedAt(h.Offset)
	b.mu.Unlock()
	if !ok {
		return refuse(headers.SystemError, fmt.Sprintf("can not find message by the offset, %d", h.Offset))
	}
	return answer{body: raw}
}

// queryMessage answers QUERY_MESSAGE (QueryMessageProcessor). Messages are found as soon as
// they are stored; a real broker indexes them about a second later.
func (b *Broker) queryMessage(rq *request) answer {
	h, err := headers.ParseQueryMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	q := keys.Query{Topic: h.Topic, Key: h.Key, Begin: h.Begin, End: h.End, Most: min(int(h.MaxMessages), queryMost)}
	if h.UniqueKey {
		q.Most = uniqueQueryMost
	}
	if h.ByTag && b.tagIndex() {
		q.Key = keys.Tag(h.Key)
	}
	found, last := b.keyed.Find(keys.Guarded(&b.mu, b.log), q, func(offset int64) (body.StoredMessage, []byte, bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.storedAt(offset)
	})
	if len(found) == 0 {
		return refuse(headers.QueryNotFound, "can not find message, maybe time range not correct")
	}
	return answer{body: bytes.Join(found, nil), fields: fields.Index{Time: last.StoreTimestamp, Offset: last.Offset}}
}

// tagIndex reports whether messages are found by their tags.
func (b *Broker) tagIndex() bool { return b.cluster.cfg.version >= versions.TagIndex }
