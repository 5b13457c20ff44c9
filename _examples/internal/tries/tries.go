// Package tries runs examples for tests, which have the time-outs that they show.
package tries

import (
	"errors"
	"testing"
)

// ErrHangs means that a program was still running when its time was over.
var ErrHangs = errors.New("it hangs")

// Thrice tries something up to three times: a busy machine may need longer than an example
// has. What has failed is logged, for faults that come now and then not to be hidden, and a
// program that hangs has failed.
func Thrice(t *testing.T, try func() error) {
	t.Helper()
	for n := 1; ; n++ {
		err := try()
		if err == nil {
			return
		}
		if n == 3 || errors.Is(err, ErrHangs) {
			t.Error(err)
			return
		}
		t.Logf("try %d has failed: %v", n, err)
	}
}
