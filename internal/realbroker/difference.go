package realbroker

import "fmt"

// FirstDifference says which is the first line of two lists that is not the same in both.
func FirstDifference(want, got []string) string {
	line := func(list []string, i int) string {
		if i < len(list) {
			return list[i]
		}
		return "nothing"
	}
	for i := range max(len(want), len(got)) {
		if w, g := line(want, i), line(got, i); w != g {
			return fmt.Sprintf("line %d: want %q, got %q", i+1, w, g)
		}
	}
	return "no line"
}
