package headers

import "strings"

// fieldSet says which required fields of a header are there. Its bits stand for the
// names that require is given, in their order.
type fieldSet uint64

func (s *fieldSet) add(place int) { *s |= 1 << place }

// require returns an error that names the fields that are not in the set. An empty
// name stands for a field that is not required.
func (s fieldSet) require(what string, names ...string) error {
	if s == 1<<len(names)-1 {
		return nil
	}
	var missing []string
	for place, name := range names {
		if name != "" && s&(1<<place) == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return malformed("%s without %s", what, strings.Join(missing, " or "))
}
