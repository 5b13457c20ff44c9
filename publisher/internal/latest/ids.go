// Package latest remembers the latest of many ids, in bounded memory.
package latest

import "crypto/sha256"

// hash stands for an id: the beginning of its SHA-256. Ids may be of any length.
type hash [16]byte

func hashOf(id string) hash {
	sum := sha256.Sum256([]byte(id))
	return hash(sum[:])
}

// IDs are the latest ids that were added, at most as many as Most says. Its methods must
// not be called at the same time.
type IDs struct {
	// Most is set before the first id is added.
	Most int

	known map[hash]struct{}
	order []hash // a ring, the oldest at next
	next  int
}

// Add adds an id. One that is known already, and the empty one, change nothing.
func (s *IDs) Add(id string) {
	key := hashOf(id)
	if _, ok := s.known[key]; ok || id == "" {
		return
	}
	if s.known == nil {
		s.known = make(map[hash]struct{})
	}
	if len(s.order) < s.Most {
		s.order = append(s.order, key)
	} else {
		delete(s.known, s.order[s.next])
		s.order[s.next] = key
		s.next = (s.next + 1) % s.Most
	}
	s.known[key] = struct{}{}
}

// Has reports whether an id is among them.
func (s *IDs) Has(id string) bool {
	_, ok := s.known[hashOf(id)]
	return ok
}
