package headers

// QueryMessage is the header of QUERY_MESSAGE (QueryMessageRequestHeader of
// 5.5.0), which finds messages of a topic by a word of their KEYS.
type QueryMessage struct {
	Topic string
	Key   string
	// MaxMessages bounds the answer.
	MaxMessages int32
	// Begin and End bound the store time, in milliseconds since 1970.
	Begin, End int64
	// UniqueKey searches the message's UNIQ_KEY (ext _UNIQUE_KEY_QUERY); a 5.4
	// client says so by indexType U.
	UniqueKey bool
	// ByTag says that Key is a tag (indexType T), which brokers from 5.4.0 on know.
	ByTag bool
}

const uniqueKeyQuery = "_UNIQUE_KEY_QUERY"

// RequestCode is QUERY_MESSAGE.
func (h *QueryMessage) RequestCode() RequestCode { return CodeQueryMessage }

// AppendFields appends the fields.
func (h *QueryMessage) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendField(dst, s, "key", h.Key)
	dst = AppendIntField(dst, s, "maxNum", int64(h.MaxMessages))
	dst = AppendIntField(dst, s, "beginTimestamp", h.Begin)
	dst = AppendIntField(dst, s, "endTimestamp", h.End)
	if h.UniqueKey {
		dst = AppendBoolField(dst, s, uniqueKeyQuery, true)
	}
	if h.ByTag {
		dst = AppendField(dst, s, "indexType", "T")
	}
	return dst
}

// ParseQueryMessage reads the header of QUERY_MESSAGE. The result owns its
// memory.
func ParseQueryMessage(c *Command) (QueryMessage, error) {
	var h QueryMessage
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "topic":
			h.Topic = string(value)
			seen.add(0)
		case "key":
			h.Key = string(value)
			seen.add(1)
		case "maxNum":
			h.MaxMessages, err = parseInt32(key, value)
			seen.add(2)
		case "beginTimestamp":
			h.Begin, err = parseInt64(key, value)
			seen.add(3)
		case "endTimestamp":
			h.End, err = parseInt64(key, value)
			seen.add(4)
		case uniqueKeyQuery:
			h.UniqueKey = h.UniqueKey || parseBool(value)
		case "indexType":
			h.UniqueKey = h.UniqueKey || string(value) == "U"
			h.ByTag = string(value) == "T"
		}
		if err != nil {
			return QueryMessage{}, err
		}
	}
	if err := seen.require("QUERY_MESSAGE", "topic", "key", "maxNum", "beginTimestamp", "endTimestamp"); err != nil {
		return QueryMessage{}, err
	}
	return h, nil
}

// ViewMessage is the header of VIEW_MESSAGE_BY_ID (ViewMessageRequestHeader).
type ViewMessage struct {
	// Offset is the place in the commit log, the last 8 bytes of the offset
	// message id.
	Offset int64
}

// RequestCode is VIEW_MESSAGE_BY_ID.
func (h *ViewMessage) RequestCode() RequestCode { return CodeViewMessage }

// AppendFields appends the offset.
func (h *ViewMessage) AppendFields(dst []byte, s Serialization) []byte {
	return AppendIntField(dst, s, "offset", h.Offset)
}

// ParseViewMessage reads the header of VIEW_MESSAGE_BY_ID.
func ParseViewMessage(c *Command) (ViewMessage, error) {
	var seen fieldSet
	offset, ok, err := c.Fields.Int("offset", 64)
	if err != nil {
		return ViewMessage{}, err
	}
	if ok {
		seen.add(0)
	}
	return ViewMessage{Offset: offset}, seen.require("VIEW_MESSAGE_BY_ID", "offset")
}
