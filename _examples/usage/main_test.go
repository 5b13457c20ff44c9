package main

import (
	"io"
	"os"
	"testing"
)

// The program of the README does what it says.
func TestUsage(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	standard := os.Stdout
	os.Stdout = out
	main()
	os.Stdout = standard
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "received a book\n"; string(said) != want {
		t.Errorf("it says %q, want %q", said, want)
	}
}
