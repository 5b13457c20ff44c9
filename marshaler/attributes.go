package marshaler

import (
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Metadata entries of these names are attributes of the RocketMQ message and no
// properties. An empty value is as good as no entry. Unmarshal gives them back.
//
// RocketMQ's own names, such as TAGS, ask for nothing: metadata of that name is
// user data.
const (
	// MetadataTag is the message's one tag (TAGS), which consumers subscribe to.
	// It must be one that they can name: not "*", which means all, without '|',
	// which separates tags (FilterAPI.buildSubscriptionData, 5.5.0), and without
	// white space at either end, which is cut off there. Clients of RocketMQ 5
	// take no other tags either (MessageBuilderImpl of rocketmq-client-java).
	MetadataTag = mark + "tag"
	// MetadataKeys are search keys (KEYS) beside the UUID, separated by one space
	// each: JoinKeys makes the value. Consoles and mqadmin queryMsgByKey find the
	// message by any of them.
	MetadataKeys = mark + "keys"
	// MetadataFlag is the message's flag, a number of 32 bits with a sign that
	// means nothing to RocketMQ. 0 is that of a message without one.
	MetadataFlag = mark + "flag"
)

// The reasons of a MetadataError for an attribute.
var (
	ErrIllegalTag  = errors.New(`it is not a tag that a consumer can subscribe to: it is "*", has '|', white space at an end, or bytes that no property has`)
	ErrIllegalKeys = errors.New("they are not search keys separated by one space each, or have bytes that no property has")
	ErrIllegalFlag = errors.New("it is not a number of 32 bits")
)

// JoinKeys makes the value of MetadataKeys. It returns a *MetadataError for a key
// that is empty or has a space, which separates keys, or bytes that no property
// has.
func JoinKeys(keys ...string) (string, error) {
	for _, key := range keys {
		if strings.Contains(key, " ") || !headers.Carries(key) {
			return "", &MetadataError{Name: MetadataKeys, Value: key, Reason: ErrIllegalKeys}
		}
	}
	return strings.Join(keys, " "), nil
}

// isAttribute reports whether a metadata entry of that name is an attribute.
func isAttribute(name string) bool {
	return name == MetadataTag || name == MetadataKeys || name == MetadataFlag
}

func legalTag(tag string) bool {
	return headers.Carries(tag) && tag != "*" && !strings.Contains(tag, "|") && strings.TrimFunc(tag, isBlank) == tag
}

// isBlank reports what consumers cut off the ends of a tag: those in Java what is
// not above a space, others what is white space.
func isBlank(r rune) bool { return r <= ' ' || unicode.IsSpace(r) }

func legalKeys(keys string) bool {
	return headers.Carries(keys) && keys[0] != ' ' && keys[len(keys)-1] != ' ' && !strings.Contains(keys, "  ")
}

// attributes are those of a message, as in its metadata.
type attributes struct {
	tag, keys string
	flag      int32
}

// readAttributes finds them in metadata.
func readAttributes(metadata message.Metadata) (a attributes, err error) {
	if len(metadata) == 0 {
		return a, nil
	}
	if a.tag = metadata[MetadataTag]; a.tag != "" && !legalTag(a.tag) {
		return a, &MetadataError{Name: MetadataTag, Value: a.tag, Reason: ErrIllegalTag}
	}
	if a.keys = metadata[MetadataKeys]; a.keys != "" && !legalKeys(a.keys) {
		return a, &MetadataError{Name: MetadataKeys, Value: a.keys, Reason: ErrIllegalKeys}
	}
	if text := metadata[MetadataFlag]; text != "" {
		flag, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return a, &MetadataError{Name: MetadataFlag, Value: text, Reason: ErrIllegalFlag}
		}
		a.flag = int32(flag)
	}
	return a, nil
}

// append appends the properties: the keys begin with that of the UUID.
func (a attributes) append(props []headers.Property, uuid string) []headers.Property {
	keys := a.keys
	switch key := escapeKey(uuid); {
	case keys == "":
		keys = key
	case key != "":
		keys = key + " " + keys
	}
	if keys != "" {
		props = append(props, headers.Property{Name: headers.PropertyKeys, Value: keys})
	}
	if a.tag != "" {
		props = append(props, headers.Property{Name: headers.PropertyTags, Value: a.tag})
	}
	return props
}

// received returns the attributes of a message that came in as they are in its
// metadata. What nobody could publish again is left out: tags that are none, and what
// separates keys too often. own says that the UUID is the publisher's, and so the first
// key.
func (a attributes) received(uuid string, own bool) attributes {
	if a.tag != "" && !legalTag(a.tag) {
		a.tag = ""
	}
	if own { // the first key is the UUID's, if it has one
		key := escapeKey(uuid)
		if rest, ok := strings.CutPrefix(a.keys, key); ok && (rest == "" || key == "" || rest[0] == ' ') {
			a.keys = strings.TrimPrefix(rest, " ")
		}
	}
	if a.keys != "" && !legalKeys(a.keys) {
		a.keys = joinLegal(a.keys)
	}
	return a
}

// count is how many entries of metadata set makes.
func (a attributes) count() int {
	n := 0
	if a.tag != "" {
		n++
	}
	if a.keys != "" {
		n++
	}
	if a.flag != 0 {
		n++
	}
	return n
}

// set puts the attributes into metadata.
func (a attributes) set(metadata message.Metadata) {
	if a.tag != "" {
		metadata[MetadataTag] = a.tag
	}
	if a.keys != "" {
		metadata[MetadataKeys] = a.keys
	}
	if a.flag != 0 {
		metadata[MetadataFlag] = strconv.Itoa(int(a.flag))
	}
}

// joinLegal joins the keys of a list that separates them by any number of spaces.
func joinLegal(keys string) string {
	var legal []string
	for key := range strings.SplitSeq(keys, " ") {
		if headers.Carries(key) {
			legal = append(legal, key)
		}
	}
	return strings.Join(legal, " ")
}
