package headers_test

import (
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// BenchmarkSign is what a signature costs beside the encoding: see
// docs/decisions/0012-security.md.
func BenchmarkSign(b *testing.B) {
	h := fullSend()
	body := make([]byte, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		headers.Sign(&h, body, "user", "secret", "")
	}
}
