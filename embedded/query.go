package embedded

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

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
	raw, ok := b.storedAt(h.Offset)
	if !ok {
		return refuse(headers.SystemError, fmt.Sprintf("can not find message by the offset, %d", h.Offset))
	}
	return answer{body: raw}
}

// queryMessage answers QUERY_MESSAGE. Messages are found as soon as they are
// stored; a real broker indexes them about a second later.
func (b *Broker) queryMessage(rq *request) answer {
	h, err := headers.ParseQueryMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	most := min(int(h.MaxMessages), queryMost)
	if h.UniqueKey {
		most = uniqueQueryMost
	}
	var found []byte
	var last body.StoredMessage
	for _, raw := range b.topicRecords(h.Topic) {
		m, _, err := body.ParseStored(raw)
		if err != nil || m.StoreTimestamp < h.Begin || m.StoreTimestamp > h.End || !hasKey(m.Properties, h.Key) {
			continue
		}
		if most--; most < 0 {
			break
		}
		found = append(found, raw...)
		last = m
	}
	if len(found) == 0 {
		return refuse(headers.QueryNotFound, "can not find message, maybe time range not correct")
	}
	return answer{body: found, fields: indexFields{last.StoreTimestamp, last.CommitLogOffset}}
}

// indexFields is the header of the answer to a query.
type indexFields struct{ time, offset int64 }

// AppendFields appends the fields.
func (f indexFields) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendIntField(dst, s, "indexLastUpdateTimestamp", f.time)
	return headers.AppendIntField(dst, s, "indexLastUpdatePhyoffset", f.offset)
}

// topicRecords returns all messages of a topic in the order of the commit log.
func (b *Broker) topicRecords(name string) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil {
		return nil
	}
	var raws [][]byte
	for _, q := range t.queues {
		for _, r := range q.Records {
			raws = append(raws, r.Raw)
		}
	}
	slices.SortFunc(raws, func(x, y []byte) int { return cmp.Compare(logOffsetOf(x), logOffsetOf(y)) })
	return raws
}

// hasKey reports whether key is the message's unique id or one of its KEYS, as
// both are in one index.
func hasKey(properties []byte, key string) bool {
	for name, value := range headers.Properties(properties) {
		switch string(name) {
		case headers.PropertyUniqueKey:
			if string(value) == key {
				return true
			}
		case headers.PropertyKeys:
			for word := range bytes.SplitSeq(value, []byte(" ")) {
				if len(word) > 0 && string(word) == key {
					return true
				}
			}
		}
	}
	return false
}
