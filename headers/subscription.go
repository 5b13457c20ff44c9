package headers

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Types of filter expressions (org.apache.rocketmq.common.filter.ExpressionType of 5.5.0).
const (
	ExpressionTag   = "TAG"
	ExpressionSQL92 = "SQL92"

	// ExpressionAll is the tag expression that every message passes, also one that has
	// no tag.
	ExpressionAll = "*"
)

// ErrExpression means that a tag expression has no tag in it.
var ErrExpression = errors.New("no tag in the expression")

// SubscriptionData is what a group wants of a topic
// (org.apache.rocketmq.remoting.protocol.heartbeat.SubscriptionData of 5.5.0). It is in
// heartbeats, ConsumerConnectionData and ConsumerRunningInfoData.
type SubscriptionData struct {
	ClassFilterMode bool `json:"classFilterMode"`
	// Codes are the hash codes of the tags, by which a broker filters. Different tags may
	// have the same code: the client has to compare the tags themselves.
	Codes          []int32 `json:"codeSet"`
	ExpressionType string  `json:"expressionType"`
	Expression     string  `json:"subString"`
	// Version must grow when the subscription changes. By custom it is the time of the
	// change, in milliseconds since 1970.
	Version int64    `json:"subVersion"`
	Tags    []string `json:"tagsSet"`
	Topic   string   `json:"topic"`
}

// NewSubscription returns the subscription to a topic by a tag expression, such as
// "TagA || TagB", as FilterAPI.buildSubscriptionData of 5.5.0 makes it; tags and codes
// are sorted. "*" and the empty expression stand for all messages. An expression without
// a tag is an ErrExpression: Java would make a subscription of some such that no message
// passes.
func NewSubscription(topic, expression string, version int64) (SubscriptionData, error) {
	d := SubscriptionData{Topic: topic, Expression: expression, ExpressionType: ExpressionTag, Version: version}
	if expression == "" || expression == ExpressionAll {
		d.Expression = ExpressionAll
		return d, nil
	}
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimFunc(tag, isJavaSpace); tag != "" {
			d.Tags = append(d.Tags, tag)
			d.Codes = append(d.Codes, HashCode(tag))
		}
	}
	if len(d.Tags) == 0 {
		return SubscriptionData{}, fmt.Errorf("headers: %w %q", ErrExpression, expression)
	}
	slices.Sort(d.Tags)
	slices.Sort(d.Codes)
	d.Tags, d.Codes = slices.Compact(d.Tags), slices.Compact(d.Codes)
	return d, nil
}

// isJavaSpace reports whether String.trim of Java takes r off.
func isJavaSpace(r rune) bool { return r <= ' ' }

// HashCode is String.hashCode of Java, which is of the text in UTF-16.
func HashCode(text string) int32 {
	var code int32
	for _, r := range text {
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			code = 31*code + high
			r = low
		}
		code = 31*code + r
	}
	return code
}

// MarshalJSON writes no tags and no codes as empty lists: Java breaks at null.
func (d SubscriptionData) MarshalJSON() ([]byte, error) {
	type plain SubscriptionData
	if d.Tags == nil {
		d.Tags = []string{}
	}
	if d.Codes == nil {
		d.Codes = []int32{}
	}
	return json.Marshal(plain(d))
}

// UnmarshalJSON also takes codes in quotes, as rocketmq-client-go v2 writes them
// (internal/utils.Set): Java reads both.
func (d *SubscriptionData) UnmarshalJSON(text []byte) error {
	type plain SubscriptionData
	read := struct {
		*plain
		Codes []json.Number `json:"codeSet"`
	}{plain: (*plain)(d)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	d.Codes = nil
	if read.Codes != nil {
		d.Codes = make([]int32, 0, len(read.Codes))
	}
	for _, number := range read.Codes {
		code, err := strconv.ParseInt(number.String(), 10, 32)
		if err != nil {
			return fmt.Errorf("headers: code of a tag: %w", err)
		}
		d.Codes = append(d.Codes, int32(code))
	}
	return nil
}
