package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestAppendRequestAllocations(t *testing.T) {
	h := fullSend()
	body := []byte("body")
	buffer := make([]byte, 0, 4096)
	for _, s := range bothSerializations {
		allocs := testing.AllocsPerRun(100, func() {
			_, _ = headers.AppendRequest(buffer, s, 1, false, &h, body)
		})
		require.Zero(t, allocs, s)
	}
}

// An answer costs the strings that are kept from it: the offset message id and,
// from 5.x on, the transaction id.
func TestParseSendAnswerAllocations(t *testing.T) {
	tests := map[string]float64{
		"02_send_v2_json_resp":     2,
		"46_send_v2_binary_resp":   2,
		"82_v497_send_json_resp":   1,
		"81_v497_send_binary_resp": 1,
	}
	for name, want := range tests {
		frame := golden(t, name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = parse(frame) }), name)
		allocs := testing.AllocsPerRun(100, func() {
			c, _ := parse(frame)
			_, _ = headers.ParseSendResult(&c)
		})
		require.Equal(t, want, allocs, name)
	}
}

func TestFieldsAllocations(t *testing.T) {
	for _, name := range []string{"02_send_v2_json_resp", "46_send_v2_binary_resp"} {
		fields := mustParse(t, golden(t, name)).Fields
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = fields.Get("transactionId") }), name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = fields.Int("queueOffset", 64) }), name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = fields.Bool("TRACE_ON") }), name)
	}
}

func TestPropertiesAllocations(t *testing.T) {
	raw := fullSend().Properties
	buffer := make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(100, func() {
		for name, value := range headers.Properties(raw) {
			buffer = append(append(buffer[:0], name...), value...)
		}
	})
	require.Zero(t, allocs)
	text := string(raw)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for name, value := range headers.StringProperties(text) {
			buffer = append(append(buffer[:0], name...), value...)
		}
	}))
}

func BenchmarkAppendRequest(b *testing.B) {
	h := fullSend()
	body := make([]byte, 1024)
	buffer := make([]byte, 0, 4096)
	for _, s := range bothSerializations {
		b.Run(s.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = headers.AppendRequest(buffer, s, 1, false, &h, body)
			}
		})
	}
}

func BenchmarkParseSendAnswer(b *testing.B) {
	for _, name := range []string{"02_send_v2_json_resp", "46_send_v2_binary_resp"} {
		frame := golden(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, _ := parse(frame)
				_, _ = headers.ParseSendResult(&c)
			}
		})
	}
}

func BenchmarkParseSendMessage(b *testing.B) {
	for _, name := range []string{"01_send_v2_json_req", "45_send_v2_binary_req"} {
		frame := golden(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, _ := parse(frame)
				_, _ = headers.ParseSendMessage(&c)
			}
		})
	}
}

func BenchmarkCarries(b *testing.B) {
	for b.Loop() {
		headers.Carries("5f1d7e9a-8d4b-4c6e-9f27-2f8b6c1d3e5a")
	}
}
