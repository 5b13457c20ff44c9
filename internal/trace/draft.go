package trace

// maxBodySize is the most bytes of records in a trace message
// (AsyncTraceDispatcher, 5.5.0).
const maxBodySize = 128_000

// draft is a message to the trace topic that is being filled.
type draft struct {
	body  []byte
	keys  searchKeys
	count int
}

// add adds a record unless it does not fit. An empty message takes any.
func (d *draft) add(r *record) bool {
	if d.count > 0 && len(d.body)+r.size() > maxBodySize || !d.keys.add(r, maxKeysSize) {
		return false
	}
	d.body = r.append(d.body)
	d.count++
	return true
}

func (d *draft) reset() {
	d.body, d.count = d.body[:0], 0
	d.keys.reset()
}
