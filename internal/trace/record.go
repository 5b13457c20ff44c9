package trace

import "strconv"

// record is what a trace tells of one stored message: a record of type Pub
// (TraceContext and TraceBean, 5.5.0).
type record struct {
	at         int64  // when its request began, in milliseconds since 1970
	region     string // of the broker, as its answer says
	group      string // of the producer
	topic      string
	id         string // UNIQ_KEY
	tags, keys string // empty for a message that has none
	storeHost  string // address of the broker
	bodyLength int    // as sent
	cost       int64  // milliseconds
	kind       kind
	offsetID   string
	success    bool
}

// kind is the type of a message in a trace: the place in MessageType (5.5.0).
type kind int

const (
	kindNormal kind = 0
	kindHalf   kind = 1
	kindDelay  kind = 3
)

// What ends a field and a record (TraceConstants, 5.5.0). No property may contain
// them, since they end names and values there as well, nor does what text lets
// through.
const (
	fieldEnd  = '\x01'
	recordEnd = '\x02'
)

// append appends the record as TraceDataEncoder.encoderFromContextBean (5.5.0)
// writes it.
func (r *record) append(dst []byte) []byte {
	field := func(value string) { dst = append(append(dst, value...), fieldEnd) }
	number := func(value int64) { dst = append(strconv.AppendInt(dst, value, 10), fieldEnd) }
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
	return append(strconv.AppendBool(dst, r.success), recordEnd)
}

// orNull writes a string that is not there as Java does.
func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// size is about how many bytes append adds.
func (r *record) size() int {
	const rest = 80 // separators, numbers and words
	return rest + len(r.region) + len(r.group) + len(r.topic) + len(r.id) + len(r.tags) + len(r.keys) + len(r.storeHost) + len(r.offsetID)
}
