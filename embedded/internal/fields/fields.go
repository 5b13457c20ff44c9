// Package fields has what answers of brokers say beside their codes.
package fields

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// Region is the region that brokers are in unless it is set (BrokerConfig.regionId), and
// PropertyRegion and PropertyTrace are fields of answers to sends, and properties of messages.
const (
	Region         = "DefaultRegion"
	PropertyRegion = "MSG_REGION"
	PropertyTrace  = "TRACE_ON"
)

// Number is one number.
type Number struct {
	Name  string
	Value int64
}

// AppendFields appends the number.
func (f Number) AppendFields(dst []byte, s headers.Serialization) []byte {
	return headers.AppendIntField(dst, s, f.Name, f.Value)
}

// Index is of the answer to a query: when the last message was stored, to the millisecond,
// and where in the log.
type Index struct{ Time, Offset int64 }

// AppendFields appends the fields.
func (f Index) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendIntField(dst, s, "indexLastUpdateTimestamp", f.Time)
	return headers.AppendIntField(dst, s, "indexLastUpdatePhyoffset", f.Offset)
}

// Recall is of the answer to a recall.
type Recall struct{ MessageID string }

// AppendFields appends the fields.
func (f Recall) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendField(dst, s, PropertyRegion, Region)
	return headers.AppendField(dst, s, "msgId", f.MessageID)
}

// Send is of the answer to a send. A refusal, without a result, has two of the fields only.
type Send struct{ Result *headers.SendResult }

// AppendFields appends the fields.
func (f Send) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendField(dst, s, PropertyRegion, Region)
	dst = headers.AppendField(dst, s, PropertyTrace, "true")
	if f.Result != nil {
		dst = f.Result.AppendFields(dst, s)
	}
	return dst
}

// ConfigVersion is of the answer to GET_BROKER_CONFIG (GetBrokerConfigResponseHeader of
// 5.5.0).
type ConfigVersion struct{}

// AppendFields appends the field.
func (ConfigVersion) AppendFields(dst []byte, s headers.Serialization) []byte {
	return headers.AppendField(dst, s, "version", `{"counter":0,"stateVersion":0,"timestamp":0}`)
}

// MissingInSend names a field of a send without which real brokers fail, "" if none is
// missing. They do not look for it: they fail where they need it, and take what they do not
// need for null.
func MissingInSend(c *headers.Command, h *headers.SendMessage) string {
	if h.Topic != "" && h.QueueID != 0 && h.SysFlag != 0 && h.BornTimestamp != 0 && h.Flag != 0 {
		return ""
	}
	names := [...]string{"b", "e", "f", "g", "h"}
	if code := headers.RequestCode(c.Code); code == headers.CodeSendMessage || code == headers.CodeSendReplyMessage {
		names = [...]string{"topic", "queueId", "sysFlag", "bornTimestamp", "flag"}
	}
	var seen [len(names)]bool
	for field := range c.Fields.All() {
		for i, name := range names {
			if string(field) == name {
				seen[i] = true
			}
		}
	}
	for i, ok := range seen {
		if !ok {
			return names[i]
		}
	}
	return ""
}

// IsSend reports whether a request brings messages to store. Replies are other requests, and
// have other threads of brokers.
func IsSend(code headers.RequestCode) bool {
	switch code {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
		return true
	}
	return false
}

// IsChange reports whether a request asks for another topic or group, or for one less. Others
// may make some on the way.
func IsChange(code headers.RequestCode) bool {
	switch code {
	case headers.CodeCreateTopic, headers.CodeDeleteTopic, headers.CodeCreateSubscriptionGroup, headers.CodeDeleteSubscriptionGroup:
		return true
	}
	return false
}

// Push is a request of a broker to a client. Fields may be nil.
type Push struct {
	Code   headers.RequestCode
	Fields headers.FieldAppender
}

// RequestCode is the code.
func (p Push) RequestCode() headers.RequestCode { return p.Code }

// AppendFields appends the fields.
func (p Push) AppendFields(dst []byte, s headers.Serialization) []byte {
	if p.Fields == nil {
		return dst
	}
	return p.Fields.AppendFields(dst, s)
}
