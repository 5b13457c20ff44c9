// Package kvconfig is what admin tools leave with name servers: values by namespace and key.
package kvconfig

// Table has the values (KVConfigManager of 5.5.0). It is not safe for concurrent use; the
// zero value is empty.
type Table struct {
	values map[string]map[string]string
	count  int
}

// most is how many values there may be.
const most = 1 << 16

// Put sets a value. It reports whether there was room for it.
func (t *Table) Put(namespace, key, value string) bool {
	if _, there := t.values[namespace][key]; !there {
		if t.count >= most {
			return false
		}
		t.count++
	}
	if t.values == nil {
		t.values = make(map[string]map[string]string)
	}
	if t.values[namespace] == nil {
		t.values[namespace] = make(map[string]string)
	}
	t.values[namespace][key] = value
	return true
}

// Get returns a value.
func (t *Table) Get(namespace, key string) (value string, ok bool) {
	value, ok = t.values[namespace][key]
	return value, ok
}

// Delete removes a value, if it is there.
func (t *Table) Delete(namespace, key string) {
	if _, there := t.values[namespace][key]; there {
		t.count--
		if delete(t.values[namespace], key); len(t.values[namespace]) == 0 {
			delete(t.values, namespace)
		}
	}
}
