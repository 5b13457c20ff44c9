package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The kinds of faults.
const (
	kindAnswer          = "answer"
	kindDelay           = "delay"
	kindDelayAnswer     = "delayAnswer"
	kindDrop            = "drop"
	kindStoreThenDrop   = "storeThenDrop"
	kindStoreThenAnswer = "storeThenAnswer"
	kindIgnore          = "ignore"
)

// faultSpec is a fault as it is asked for.
type faultSpec struct {
	Kind string `json:"kind"`
	// Requests are the codes of the requests that it happens to: names such as
	// SEND_MESSAGE_V2, numbers, or SEND, PULL, POP and ACK for all of a sort. Without any
	// it happens to all requests.
	Requests []requestWord `json:"requests,omitempty"`
	// Server and Topic bound it to a server and a topic, by RocketMQ's or Watermill's name.
	Server string `json:"server,omitempty"`
	Topic  string `json:"topic,omitempty"`
	// Times is how often it happens, and 0 until it is removed.
	Times int `json:"times,omitempty"`
	// Code and Remark are those of the answer: a number, or a name such as SYSTEM_BUSY.
	Code   responseCode `json:"code,omitzero"`
	Remark string       `json:"remark,omitempty"`
	// DelayMillis is how long it waits.
	DelayMillis int64 `json:"delayMillis,omitempty"`
}

// requestWord names requests: by a name, a number in digits, or a word for all of a sort.
// In JSON it may be a number as well.
type requestWord string

// UnmarshalJSON reads a text or a number.
func (w *requestWord) UnmarshalJSON(text []byte) error {
	var code *int32
	if json.Unmarshal(text, &code) == nil && code != nil {
		*w = requestWord(strconv.Itoa(int(*code)))
		return nil
	}
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return fmt.Errorf("requests has what is neither a number nor a name: %w", err)
	}
	*w = requestWord(word)
	return nil
}

// responseCode is the code of an answer, a number or a name in JSON.
type responseCode struct {
	headers.ResponseCode
	set bool
}

// MarshalJSON writes the number.
func (c responseCode) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, int64(c.ResponseCode), 10), nil
}

// UnmarshalJSON reads a number or a name. null is as no code at all.
func (c *responseCode) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	c.set = true
	if json.Unmarshal(text, &c.ResponseCode) == nil {
		return nil
	}
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return fmt.Errorf("code is neither a number nor a name: %w", err)
	}
	code, ok := named[headers.ResponseCode](name, headers.Success, lastResponseCode)
	if !ok {
		return fmt.Errorf("%.64q is no response code of RocketMQ", name)
	}
	c.ResponseCode = code
	return nil
}

// The highest codes that have names.
const (
	lastResponseCode = 3000
	lastRequestCode  = 1000
	firstPopCode     = 200_000
	lastPopCode      = 200_200
)

// code is a code of requests or answers.
type code interface {
	~int32
	String() string
}

// named finds the code of a name, or of a number in digits.
func named[C code](name string, first, last C) (C, bool) {
	if n, err := strconv.ParseInt(name, 10, 32); err == nil {
		return C(n), true
	}
	for c := first; c <= last; c++ {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}

// codesOf are the request codes that a word stands for.
func codesOf(word requestWord) ([]headers.RequestCode, bool) {
	switch word {
	case "SEND":
		return []headers.RequestCode{
			headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage,
			headers.CodeSendReplyMessage, headers.CodeSendReplyMessageV2,
		}, true
	case "PULL":
		return []headers.RequestCode{headers.CodePullMessage, headers.CodeLitePullMessage}, true
	case "POP":
		return []headers.RequestCode{headers.CodePopMessage}, true
	case "ACK":
		return []headers.RequestCode{headers.CodeAckMessage, headers.CodeBatchAckMessage}, true
	}
	if c, ok := named[headers.RequestCode](string(word), 0, lastRequestCode); ok {
		return []headers.RequestCode{c}, true
	}
	c, ok := named[headers.RequestCode](string(word), firstPopCode, lastPopCode)
	return []headers.RequestCode{c}, ok
}

// matcher says which requests a fault happens to.
type matcher struct {
	codes         []headers.RequestCode // all without any
	server, topic string
}

// fits reports whether a fault happens to a request, which names these topics.
func (m *matcher) fits(r *embedded.Request, topics []string) bool {
	return (len(m.codes) == 0 || slices.Contains(m.codes, r.Code)) &&
		(m.server == "" || m.server == r.Server) &&
		(m.topic == "" || slices.Contains(topics, m.topic))
}

// topicsOf are the topics that a request names, none if it names none or cannot be read.
// Most have a field topic. Replies to requests have it under a short name, messages that
// are sent back under another one (ConsumerSendMsgBackRequestHeader of 5.5.0), and
// acknowledgements of several messages have topics in their body.
func topicsOf(r *embedded.Request) []string {
	if r.Send != nil {
		return []string{r.Send.Topic}
	}
	switch r.Code {
	case headers.CodeSendReplyMessage, headers.CodeSendReplyMessageV2:
		if h, err := headers.ParseSendMessage(&r.Command); err == nil {
			return []string{h.Topic}
		}
		return nil
	case headers.CodeBatchAckMessage:
		acks, _ := headers.ParseBatchAckData(r.Command.Body) // up to the entry that is wrong, as brokers do
		topics := make([]string, 0, len(acks.Entries))
		for i := range acks.Entries {
			topics = append(topics, acks.Entries[i].Topic)
		}
		return topics
	case headers.CodeConsumerSendBack:
		return []string{r.Command.Fields.String("originTopic")}
	default:
		return []string{r.Command.Fields.String("topic")}
	}
}

// compile checks a spec, and makes of it what the cluster understands.
func (s *faultSpec) compile() (matcher, embedded.Fault, error) {
	m := matcher{server: s.Server, topic: topicName(s.Topic)}
	bad := func(format string, args ...any) (matcher, embedded.Fault, error) {
		return matcher{}, embedded.Fault{}, refuse(http.StatusBadRequest, format, args...)
	}
	for _, word := range s.Requests {
		codes, ok := codesOf(word)
		if !ok {
			return bad("%.64q is no request code of RocketMQ: see docs/control.md", word)
		}
		m.codes = append(m.codes, codes...)
	}
	if s.Times < 0 {
		return bad("times is negative")
	}
	if s.DelayMillis < 0 || millis(s.DelayMillis) > maxDelay || s.DelayMillis > maxDelay.Milliseconds() {
		return bad("delayMillis has to be from 0 to %d", maxDelay.Milliseconds())
	}
	answers := s.Kind == kindAnswer || s.Kind == kindStoreThenAnswer
	waits := s.Kind == kindDelay || s.Kind == kindDelayAnswer
	switch {
	case answers && !s.Code.set:
		return bad("a fault of kind %s needs a code", s.Kind)
	case !answers && (s.Code.set || s.Remark != ""):
		return bad("code and remark are for the kinds %s and %s", kindAnswer, kindStoreThenAnswer)
	case waits && s.DelayMillis == 0:
		return bad("a fault of kind %s needs delayMillis", s.Kind)
	}
	delay := millis(s.DelayMillis)
	switch s.Kind {
	case kindAnswer:
		return m, embedded.Answer(s.Code.ResponseCode, s.Remark).After(delay), nil
	case kindDelay:
		return m, embedded.Delay(delay), nil
	case kindDelayAnswer:
		return m, embedded.DelayAnswer(delay), nil
	case kindDrop:
		return m, embedded.DropConnection().After(delay), nil
	case kindStoreThenDrop:
		return m, embedded.StoreThenDrop().After(delay), nil
	case kindStoreThenAnswer:
		return m, embedded.StoreThenAnswer(s.Code.ResponseCode, s.Remark).After(delay), nil
	case kindIgnore:
		return m, embedded.Ignore().After(delay), nil
	}
	return bad("kind has to be answer, delay, delayAnswer, drop, storeThenDrop, storeThenAnswer or ignore, not %.64q", s.Kind)
}

// What says in words what happens.
func (s *faultSpec) What() string {
	after := ""
	if s.DelayMillis > 0 {
		after = " after " + millis(s.DelayMillis).String()
	}
	switch s.Kind {
	case kindAnswer:
		return "answers " + s.answer() + after
	case kindStoreThenAnswer:
		return "does it, answers " + s.answer() + after
	case kindDelay:
		return "does it" + after
	case kindDelayAnswer:
		return "does it, answers" + after
	case kindDrop:
		return "drops the connection" + after
	case kindStoreThenDrop:
		return "does it, drops the connection" + after
	default:
		return "does nothing"
	}
}

func (s *faultSpec) answer() string {
	text := s.Code.String()
	if s.Remark != "" {
		text += " (" + short(s.Remark) + ")"
	}
	return text
}
