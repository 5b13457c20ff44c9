package realbroker

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// table is what mqadmin prints as one: a line with the names of its columns, which
// begin with #, and rows up to an empty line. Cells have no spaces in them, except that
// the last may.
type table []map[string]string

// columnName is a name in the first line of a table: "#Broker Offset".
var columnName = regexp.MustCompile(`#[^#]+`)

// tableWith finds the table that has the column in the output of mqadmin.
func tableWith(text, column string) (table, error) {
	var columns []string
	var rows table
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case columns == nil && strings.HasPrefix(line, "#"):
			found := columnName.FindAllString(line, -1)
			for i := range found {
				found[i] = strings.TrimSpace(found[i])
			}
			if slices.Contains(found, column) {
				columns = found
			}
		case columns != nil && line == "":
			return rows, nil
		case columns != nil:
			cells := strings.Fields(line)
			row := make(map[string]string, len(columns))
			for i, name := range columns {
				switch {
				case i >= len(cells):
				case i == len(columns)-1:
					row[name] = strings.Join(cells[i:], " ")
				default:
					row[name] = cells[i]
				}
			}
			rows = append(rows, row)
		}
	}
	if columns == nil {
		return nil, fmt.Errorf("mqadmin printed no column %s:\n%s", column, text)
	}
	return rows, nil
}

// number is the cell of a row as a number.
func (t table) number(row int, column string) (int64, error) {
	n, err := strconv.ParseInt(t[row][column], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("mqadmin printed no number in column %s: %w", column, err)
	}
	return n, nil
}

// fields are the lines of the form "Name: value" in the output of mqadmin.
func fields(text string) map[string]string {
	all := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			all[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}
