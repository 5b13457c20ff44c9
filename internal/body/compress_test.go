package body

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var allCompressions = []Compression{Zlib, LZ4, Zstd}

// readFrame parses a captured frame; testdata holds what a Java 5.5.0 producer
// sent and what a 5.5.0 broker answered.
func readFrame(t testing.TB, name string) headers.Command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	cmd, err := headers.ParseFrame(raw[headers.FrameLengthSize:])
	require.NoError(t, err)
	return cmd
}

func newTestCompressor(t testing.TB, c Compression, level int) *Compressor {
	t.Helper()
	z, err := NewCompressor(c, level)
	require.NoError(t, err)
	return z
}

// testBody is text that compresses about as well as JSON does.
func testBody(size int) []byte {
	words := strings.Fields("order payment customer shipment created updated id amount currency 17 42 EUR true null")
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, 0, size+16)
	for len(out) < size {
		out = append(out, words[r.IntN(len(words))]...)
		out = append(out, byte(' '+r.IntN(64)))
	}
	return out[:size]
}

func noise(size int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func TestSysFlag(t *testing.T) {
	require.EqualValues(t, 0x301, Zlib.SysFlag())
	require.EqualValues(t, 0x101, LZ4.SysFlag())
	require.EqualValues(t, 0x201, Zstd.SysFlag())
	require.Equal(t, "ZLIB LZ4 ZSTD compression 9",
		strings.Join([]string{Zlib.String(), LZ4.String(), Zstd.String(), Compression(9).String()}, " "))
}

func TestNewCompressorRefuses(t *testing.T) {
	for _, c := range []Compression{-1, 3, 7} {
		_, err := NewCompressor(c, 0)
		require.ErrorIs(t, err, ErrCompressionType, "%d", c)
	}
	for _, c := range allCompressions {
		for _, level := range []int{-1, 10} {
			_, err := NewCompressor(c, level)
			require.ErrorContains(t, err, "level "+strconv.Itoa(level))
		}
	}
}

func TestCompressRoundTrip(t *testing.T) {
	bodies := map[string][]byte{
		"one byte":   {0},
		"empty":      {},
		"small text": testBody(100),
		"text":       testBody(5000),
		"long text":  testBody(300 << 10),
		"zeros":      make([]byte, 300<<10),
		"noise":      noise(70 << 10),
		"block":      noise(64 << 10),
	}
	for _, c := range allCompressions {
		for _, level := range []int{0, 1, 9} {
			z := newTestCompressor(t, c, level)
			d := NewDecompressor(1 << 20)
			for name, body := range bodies {
				want := bytes.Clone(body)
				out, err := z.Compress([]byte("before"), body)
				require.NoError(t, err, name)
				require.Equal(t, want, body, "the body was changed")
				require.Equal(t, "before", string(out[:6]))

				back, err := d.Decompress(out[6:], z.SysFlag())
				require.NoError(t, err, name)
				require.True(t, bytes.Equal(body, back), "%s %d %s", c, level, name)

				again, err := z.Compress(nil, body)
				require.NoError(t, err)
				require.Equal(t, out[6:], again, "%s %d %s: other bytes the second time", c, level, name)
			}
		}
	}
}

// The formats that Java's decompressors accept, by their first bytes.
func TestCompressFormat(t *testing.T) {
	for _, size := range []int{1, 5000, 100 << 10, 500 << 10, 2 << 20} {
		body := testBody(size)

		out, err := newTestCompressor(t, Zlib, 0).Compress(nil, body)
		require.NoError(t, err)
		require.EqualValues(t, 0x78, out[0], "deflate with a 32 KiB window")
		require.Zero(t, (int(out[0])<<8|int(out[1]))%31, "RFC 1950 header check")

		out, err = newTestCompressor(t, LZ4, 0).Compress(nil, body)
		require.NoError(t, err)
		require.Equal(t, []byte{0x04, 0x22, 0x4D, 0x18}, out[:4], "LZ4 frame")
		require.EqualValues(t, 0x60, out[4], "version 1, independent blocks, no checksum, no size: as Java writes")

		out, err = newTestCompressor(t, Zstd, 0).Compress(nil, body)
		require.NoError(t, err)
		require.Equal(t, []byte{0x28, 0xB5, 0x2F, 0xFD}, out[:4], "zstd frame")
		require.Zero(t, out[4]&0x0F, "no checksum, no dictionary")
	}
}

func TestDecompressGoldenRequests(t *testing.T) {
	for _, tt := range []struct {
		file, word string
		times      int
	}{
		{"13_send_compressed_zlib_req.hex", "zlib-body-", 601},
		{"14_send_compressed_lz4_req.hex", "lz4-body-", 667},
		{"15_send_compressed_zstd_req.hex", "zstd-body-", 601},
	} {
		cmd := readFrame(t, tt.file)
		send, err := headers.ParseSendMessage(&cmd)
		require.NoError(t, err)
		want := strings.Repeat(tt.word, tt.times)

		got, err := Decompress(cmd.Body, send.SysFlag, len(want))
		require.NoError(t, err)
		require.Equal(t, want, string(got))

		_, err = Decompress(cmd.Body, send.SysFlag, len(want)-1)
		require.ErrorIs(t, err, ErrInflatedTooLarge)
		require.NotErrorIs(t, err, headers.ErrMalformed)

		// As a consumer that has decompressed it passes it on.
		got, err = Decompress(got, send.SysFlag&^headers.SysFlagCompressed, 0)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// A broker stores, and a pull brings, the bytes that the producer compressed.
func TestGoldenStoredAsSent(t *testing.T) {
	for _, tt := range []struct {
		request, pull string
	}{
		{"13_send_compressed_zlib_req.hex", "32_pull_11_resp_batch_zlib.hex"},
		{"14_send_compressed_lz4_req.hex", "33_pull_11_resp_lz4_tx_delay.hex"},
		{"15_send_compressed_zstd_req.hex", "34_pull_11_resp_zstd_timer.hex"},
	} {
		sent := readFrame(t, tt.request)
		pulled := readFrame(t, tt.pull)
		require.True(t, bytes.Contains(pulled.Body, sent.Body), tt.pull)
	}
}

func TestDecompressTypeBits(t *testing.T) {
	body := testBody(5000)
	zipped, err := newTestCompressor(t, Zlib, 0).Compress(nil, body)
	require.NoError(t, err)

	got, err := Decompress(zipped, headers.SysFlagCompressed, 1<<20)
	require.NoError(t, err, "no type is zlib")
	require.Equal(t, body, got)

	for kind := int32(4); kind <= 7; kind++ {
		got, err = Decompress(zipped, headers.SysFlagCompressed|kind<<8, 1<<20)
		require.ErrorIs(t, err, ErrCompressionType)
		require.ErrorContains(t, err, strconv.Itoa(int(kind)))
		require.Nil(t, got)
	}

	// Bits of other meaning do not disturb.
	got, err = Decompress(zipped, Zlib.SysFlag()|headers.SysFlagBornHostV6|headers.SysFlagCommit, 1<<20)
	require.NoError(t, err)
	require.Equal(t, body, got)
}

func TestDecompressRefuses(t *testing.T) {
	body := testBody(5000)
	for _, c := range allCompressions {
		whole, err := newTestCompressor(t, c, 0).Compress(nil, body)
		require.NoError(t, err)
		d := NewDecompressor(1 << 20)

		for n := range len(whole) {
			got, err := d.Decompress(whole[:n], c.SysFlag())
			require.ErrorIs(t, err, headers.ErrMalformed, "%s cut at %d of %d", c, n, len(whole))
			require.Nil(t, got)
		}
		for _, bad := range [][]byte{nil, body, noise(200), []byte("not compressed")} {
			got, err := d.Decompress(bad, c.SysFlag())
			require.ErrorIs(t, err, headers.ErrMalformed, c)
			require.ErrorContains(t, err, c.String())
			require.Nil(t, got)
		}
		got, err := d.Decompress(whole, c.SysFlag())
		require.NoError(t, err, "after failures")
		require.Equal(t, body, got)
	}
}

func TestDecompressLimit(t *testing.T) {
	bomb := make([]byte, 64<<20)
	for _, c := range allCompressions {
		zipped, err := newTestCompressor(t, c, 1).Compress(nil, bomb)
		require.NoError(t, err)
		d := NewDecompressor(1 << 20)

		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := d.Decompress(zipped, c.SysFlag())
		runtime.ReadMemStats(&after)

		require.ErrorIs(t, err, ErrInflatedTooLarge, c)
		require.Nil(t, got)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "%s allocated for what it then refused", c)
	}
	for _, limit := range []int{-1, 0} {
		zipped, err := newTestCompressor(t, Zlib, 0).Compress(nil, []byte("x"))
		require.NoError(t, err)
		_, err = Decompress(zipped, Zlib.SysFlag(), limit)
		require.ErrorIs(t, err, ErrInflatedTooLarge)
	}
}

// The bubble fails the test if a goroutine outlives it.
// A body may have less than others, and never more. The decoder is the same.
func TestDecompressWithin(t *testing.T) {
	want := testBody(5000)
	for _, c := range allCompressions {
		zipped, err := newTestCompressor(t, c, 0).Compress(nil, want)
		require.NoError(t, err)
		d := NewDecompressor(len(want))
		for limit, reason := range map[int]error{len(want) - 1: ErrInflatedTooLarge, len(want): nil, -1: ErrInflatedTooLarge, 1 << 20: nil} {
			got, err := d.DecompressWithin(zipped, c.SysFlag(), limit)
			require.ErrorIs(t, err, reason)
			require.Equal(t, reason == nil, bytes.Equal(want, got))
		}
		_, err = NewDecompressor(len(want)-1).DecompressWithin(zipped, c.SysFlag(), len(want))
		require.ErrorIs(t, err, ErrInflatedTooLarge)
	}
}

func TestCompressConcurrently(t *testing.T) {
	for _, c := range allCompressions {
		synctest.Test(t, func(t *testing.T) {
			z := newTestCompressor(t, c, 0)
			d := NewDecompressor(1 << 20)
			for worker := range 8 {
				go func() {
					body := testBody(1000 * (worker + 1))
					for range 20 {
						zipped, err := z.Compress(nil, body)
						if err != nil {
							t.Error(err)
							return
						}
						back, err := d.Decompress(zipped, z.SysFlag())
						if err != nil || !bytes.Equal(body, back) {
							t.Errorf("%s: %v", c, err)
							return
						}
					}
				}()
			}
		})
	}
}
