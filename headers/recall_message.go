package headers

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// RecallMessage is the header of RECALL_MESSAGE (RecallMessageRequestHeader of
// 5.3.3), which takes back a timer message that is not yet delivered.
type RecallMessage struct {
	ProducerGroup string
	// Topic is the one in the handle.
	Topic string
	// Handle as a send answered it; see RecallHandle.
	Handle string
	// BrokerName is the one in the handle (bname).
	BrokerName string
}

// RequestCode is RECALL_MESSAGE.
func (h *RecallMessage) RequestCode() RequestCode { return CodeRecallMessage }

// AppendFields appends the fields.
func (h *RecallMessage) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "producerGroup", h.ProducerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendField(dst, s, "recallHandle", h.Handle)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseRecallMessage reads the header of RECALL_MESSAGE. The result owns its
// memory.
func ParseRecallMessage(c *Command) (RecallMessage, error) {
	h := RecallMessage{
		ProducerGroup: c.Fields.String("producerGroup"),
		Topic:         c.Fields.String("topic"),
		Handle:        c.Fields.String("recallHandle"),
		BrokerName:    c.Fields.String("bname"),
	}
	var seen fieldSet
	if h.Topic != "" {
		seen.add(0)
	}
	if h.Handle != "" {
		seen.add(1)
	}
	if err := seen.require("RECALL_MESSAGE", "topic", "recallHandle"); err != nil {
		return RecallMessage{}, err
	}
	return h, nil
}

// RecallHandle names a timer message for RECALL_MESSAGE
// (org.apache.rocketmq.common.producer.RecallMessageHandle of 5.3.3).
type RecallHandle struct {
	Topic      string
	BrokerName string
	// Timestamp is the message's TIMER_OUT_MS and one millisecond, in
	// milliseconds since 1970.
	Timestamp int64
	// UniqueKey is the message's UNIQ_KEY.
	UniqueKey string
}

// recallVersion is the first word of a handle of the only form there is.
const recallVersion = "v1"

// String returns the handle as it is on the wire: the words joined by spaces, in
// URL-safe base64 with padding.
func (h RecallHandle) String() string {
	words := []string{recallVersion, h.Topic, h.BrokerName, strconv.FormatInt(h.Timestamp, 10), h.UniqueKey}
	return base64.URLEncoding.EncodeToString([]byte(strings.Join(words, " ")))
}

// ParseRecallHandle reads a handle. Padding may be missing, as in Java.
func ParseRecallHandle(text string) (RecallHandle, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return RecallHandle{}, malformed("recall handle is not base64")
	}
	words := strings.Split(string(raw), " ")
	if len(words) < 5 || words[0] != recallVersion {
		return RecallHandle{}, malformed("recall handle is not of the form v1 topic broker time id")
	}
	timestamp, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil || words[1] == "" || words[2] == "" || words[4] == "" {
		return RecallHandle{}, malformed("recall handle is not of the form v1 topic broker time id")
	}
	return RecallHandle{Topic: words[1], BrokerName: words[2], Timestamp: timestamp, UniqueKey: words[4]}, nil
}
