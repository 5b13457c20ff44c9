package publisher

import (
	"strconv"
	"strings"
)

// traceRecord is what a trace tells of one stored message: a record of type Pub
// (TraceContext and TraceBean, 5.5.0).
type traceRecord struct {
	at         int64  // when its request began, in milliseconds since 1970
	region     string // of the broker, as its answer says
	group      string // of the producer
	topic      string
	id         string // UNIQ_KEY
	tags, keys string // empty for a message that has none
	storeHost  string // address of the broker
	bodyLength int    // as sent
	cost       int64  // milliseconds
	kind       traceKind
	offsetID   string
	success    bool
}

// traceKind is the type of a message in a trace: the place in MessageType (5.5.0).
type traceKind int

const (
	traceNormal traceKind = 0
	traceHalf   traceKind = 1
	traceDelay  traceKind = 3
)

// What ends a field and a record (TraceConstants, 5.5.0). No property may contain
// them, since they end names and values there as well.
const (
	traceFieldEnd  = '\x01'
	traceRecordEnd = '\x02'
)

// append appends the record as TraceDataEncoder.encoderFromContextBean (5.5.0)
// writes it.
func (r *traceRecord) append(dst []byte) []byte {
	field := func(value string) { dst = append(append(dst, value...), traceFieldEnd) }
	number := func(value int64) { dst = append(strconv.AppendInt(dst, value, 10), traceFieldEnd) }
	field("Pub")
	number(r.at)
	field(r.region)
	field(r.group)
	field(r.topic)
	field(r.id)
	field(orNull(r.tags))
	field(orNull(r.keys))
	field(r.storeHost)
	number(int64(r.bodyLength))
	number(r.cost)
	number(int64(r.kind))
	field(r.offsetID)
	return append(strconv.AppendBool(dst, r.success), traceRecordEnd)
}

// orNull writes a string that is not there as Java does.
func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// size is about how many bytes append adds.
func (r *traceRecord) size() int {
	const rest = 80 // separators, numbers and words
	return rest + len(r.region) + len(r.group) + len(r.topic) + len(r.id) + len(r.tags) + len(r.keys) + len(r.storeHost) + len(r.offsetID)
}

// traceKeys is the keys of a trace message: ids and keys of the messages that it is
// about, each once, joined by spaces.
type traceKeys struct {
	text []byte
	seen map[string]struct{}
}

// add adds those of a record, if they fit into limit bytes then. A record that does
// not fit alone has its id only.
func (k *traceKeys) add(r *traceRecord, limit int) bool {
	if len(k.text) == 0 && len(r.id)+1+len(r.keys) > limit {
		k.addOne(r.id)
		return true
	}
	if len(k.text)+1+len(r.id)+1+len(r.keys) > limit {
		return false
	}
	k.addOne(r.id)
	for key := range strings.FieldsSeq(r.keys) {
		k.addOne(key)
	}
	return true
}

func (k *traceKeys) addOne(key string) {
	if _, known := k.seen[key]; known {
		return
	}
	if k.seen == nil {
		k.seen = make(map[string]struct{})
	}
	k.seen[key] = struct{}{}
	if len(k.text) > 0 {
		k.text = append(k.text, ' ')
	}
	k.text = append(k.text, key...)
}

func (k *traceKeys) reset() {
	k.text = k.text[:0]
	clear(k.seen)
}
