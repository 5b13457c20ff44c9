package realbroker

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// documentedCase is the name of a case in a table.
var documentedCase = regexp.MustCompile("`([^`]+)`")

// DocumentedCases returns the names of the cases that a column, from 1 on, of the table
// "Other clients" of a page has. The page is docs/testing.md, by its path.
func DocumentedCases(t testing.TB, page string, column int) (names []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Other clients\n")
	if !found {
		t.Fatalf("%s has no section on other clients", page)
	}
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			for _, m := range documentedCase.FindAllStringSubmatch(cells[1+column], -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}
