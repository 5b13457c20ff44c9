package main

import (
	"bytes"
	"regexp"
	"testing"
)

func TestQuickstart(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, "", 5); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^receipt for order \d: broker broker-a, queue \d, offset \d, message id [0-9A-F]{32}$`)
	if lines := line.FindAllString(out.String(), -1); len(lines) != 5 {
		t.Errorf("want a line for each of 5 receipts, got:\n%s", &out)
	}
}
