package trace

import "strings"

// maxKeysSize is the most bytes of keys in a trace message, which share the properties
// with its id. Java gathers 20 records at most and has no such limit.
const maxKeysSize = 30_000

// searchKeys is the keys of a trace message: ids and keys of the messages that it is
// about, each once, joined by spaces.
type searchKeys struct {
	text []byte
	seen map[string]struct{}
}

// add adds those of a record, if they fit into limit bytes then. A record that does
// not fit alone has its id only.
func (k *searchKeys) add(r *record, limit int) bool {
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

func (k *searchKeys) addOne(key string) {
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

func (k *searchKeys) reset() {
	k.text = k.text[:0]
	clear(k.seen)
}
