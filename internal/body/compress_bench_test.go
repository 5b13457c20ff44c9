package body

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkCompress(b *testing.B) {
	for _, c := range allCompressions {
		for _, size := range []int{4 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", c, size>>10), func(b *testing.B) {
				z := newTestCompressor(b, c, 0)
				body := testBody(size)
				var out []byte
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if out, err = z.Compress(out[:0], body); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(out))/float64(size), "ratio")
			})
		}
	}
}

func BenchmarkDecompress(b *testing.B) {
	for _, c := range allCompressions {
		for _, size := range []int{4 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", c, size>>10), func(b *testing.B) {
				zipped, err := newTestCompressor(b, c, 0).Compress(nil, testBody(size))
				require.NoError(b, err)
				d := NewDecompressor(4 << 20)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := d.Decompress(zipped, c.SysFlag()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
