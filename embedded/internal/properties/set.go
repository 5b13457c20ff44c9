// Package properties takes properties strings apart, as brokers do to change them.
package properties

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// IndexedFrom is the number of properties from which a Set finds names
// by a map: a hostile string may hold thousands.
const IndexedFrom = 32

// Set is a properties string taken apart, as brokers do to change it.
// Names are there once; the last value counts, as in Java's map, but in the
// order of the string rather than of a hash table. Values alias the string.
type Set struct {
	list  []Entry
	index map[string]int // nil while list is short
}

// Entry is one property: room for them can be given to Parse.
type Entry struct{ name, value []byte }

// Parse fills s, using the memory of list.
func (s *Set) Parse(raw []byte, list []Entry) {
	s.list = list[:0]
	for name, value := range headers.Properties(raw) {
		if i := s.find(name); i >= 0 {
			s.list[i].value = value
			continue
		}
		s.add(name, value)
	}
}

func (s *Set) add(name, value []byte) {
	s.list = append(s.list, Entry{name, value})
	switch {
	case s.index != nil:
		s.index[string(name)] = len(s.list) - 1
	case len(s.list) > IndexedFrom:
		s.index = make(map[string]int, 2*len(s.list))
		for i, e := range s.list {
			s.index[string(e.name)] = i
		}
	}
}

func (s *Set) find(name []byte) int {
	if s.index != nil {
		if i, ok := s.index[string(name)]; ok {
			return i
		}
		return -1
	}
	for i := range s.list {
		if string(s.list[i].name) == string(name) {
			return i
		}
	}
	return -1
}

// Get returns a value, nil if the name is not there.
func (s *Set) Get(name string) []byte {
	if i := s.find([]byte(name)); i >= 0 {
		return s.list[i].value
	}
	return nil
}

// Set gives name the value. A name that was there moves to the end.
func (s *Set) Set(name, value string) {
	s.Remove(name)
	s.add([]byte(name), []byte(value))
}

// Remove takes name away. Its entry stays in the list without a value, which
// Append passes over.
func (s *Set) Remove(name string) {
	if i := s.find([]byte(name)); i >= 0 {
		s.list[i] = Entry{}
		delete(s.index, name)
	}
}

// Append appends the properties string. Without closed the last 0x02 is left
// out, as 4.9 does.
func (s *Set) Append(dst []byte, closed bool) []byte {
	for _, e := range s.list {
		if e.name == nil {
			continue
		}
		dst = append(dst, e.name...)
		dst = append(dst, 1)
		dst = append(dst, e.value...)
		dst = append(dst, 2)
	}
	if !closed && len(dst) > 0 {
		dst = dst[:len(dst)-1]
	}
	return dst
}
