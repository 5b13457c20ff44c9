package sends

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/messages"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// versionOwnProperties is the first that stores the messages of a batch with nothing but their
// own properties.
const versionOwnProperties = headers.Version5_4_0

// BatchProperties is what each message of a batch gets behind its own properties: those of the
// batch, with what the broker adds (MessageExtBatchEncoder.encode of 4.9.7,
// MessageExtEncoder.encode of 5.1.4). What the batch has as well wins when it is read.
func BatchProperties(batch *properties.Set, v headers.Version, cluster string) []byte {
	if v >= versionOwnProperties {
		return nil
	}
	if v >= headers.Version5_0_0 {
		batch.Set(fields.PropertyRegion, fields.Region)
		batch.Set(fields.PropertyTrace, "true")
	}
	batch.Set(headers.PropertyCluster, cluster)
	return batch.Append(nil, false)
}

// scratchMost is how much memory is kept to be used again.
const scratchMost = 1 << 20

// Batch takes the body of a batch apart. The messages have what like has, but for flag, body
// and properties, and more behind their properties. The entries are in scratch, in memory that
// is used again.
func Batch(raw []byte, like body.StoredMessage, more []byte, scratch *[]byte) ([]messages.Entry, error) {
	var entries []messages.Entry
	records := (*scratch)[:0]
	transaction := like.SysFlag & headers.SysFlagTransactionMask
	hidden := transaction == headers.SysFlagPrepared || transaction == headers.SysFlagRollback
	for inner, err := range body.BatchMessages(raw) {
		if err != nil {
			return nil, err
		}
		m := like
		m.Flag, m.Body, m.Properties = inner.Flag, inner.Body, inner.Properties
		if len(more) > 0 {
			m.Properties = behind(inner.Properties, more)
		}
		begin := len(records)
		if records, err = body.AppendStored(records, &m); err != nil {
			return nil, err
		}
		stored := records[begin:len(records):len(records)]
		entries = append(entries, messages.Entry{Raw: stored, TagHash: tags.HashOf(m.Properties), Hidden: hidden})
	}
	if cap(records) <= scratchMost {
		*scratch = records
	}
	return entries, nil
}

// behind joins two properties strings.
func behind(own, more []byte) []byte {
	const separator = 2
	joined := make([]byte, 0, len(own)+1+len(more))
	joined = append(joined, own...)
	if len(own) > 0 && own[len(own)-1] != separator {
		joined = append(joined, separator)
	}
	return append(joined, more...)
}
