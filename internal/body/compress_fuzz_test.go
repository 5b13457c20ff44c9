package body

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func FuzzDecompress(f *testing.F) {
	for _, c := range allCompressions {
		for _, body := range [][]byte{{}, []byte("x"), testBody(5000), make([]byte, 100<<10)} {
			zipped, err := newTestCompressor(f, c, 0).Compress(nil, body)
			require.NoError(f, err)
			f.Add(zipped, c.SysFlag(), 4096)
		}
	}
	for _, name := range []string{"13_send_compressed_zlib_req.hex", "14_send_compressed_lz4_req.hex", "15_send_compressed_zstd_req.hex"} {
		cmd := readFrame(f, name)
		send, err := headers.ParseSendMessage(&cmd)
		require.NoError(f, err)
		f.Add(cmd.Body, send.SysFlag, 1<<20)
	}
	f.Fuzz(func(t *testing.T, body []byte, sysFlag int32, limit int) {
		limit = min(limit, 1<<20)
		got, err := Decompress(body, sysFlag, limit)
		// Decoders that are kept, and have met this body before, do the same.
		kept := NewDecompressor(1 << 20)
		_, _ = kept.DecompressWithin(body, sysFlag, limit/2)
		for range 2 {
			again, errAgain := kept.DecompressWithin(body, sysFlag, limit)
			require.Equal(t, got, again)
			for _, kind := range []error{nil, headers.ErrMalformed, ErrInflatedTooLarge, ErrCompressionType} {
				require.Equal(t, errors.Is(err, kind), errors.Is(errAgain, kind), "%v, then %v", err, errAgain)
			}
		}
		switch {
		case err != nil:
			require.Nil(t, got)
			if !errors.Is(err, headers.ErrMalformed) && !errors.Is(err, ErrInflatedTooLarge) && !errors.Is(err, ErrCompressionType) {
				t.Fatalf("an error of no kind: %v", err)
			}
		case sysFlag&headers.SysFlagCompressed == 0:
			require.Equal(t, body, got)
		default:
			require.LessOrEqual(t, len(got), limit)
		}
	})
}

func FuzzCompressRoundTrip(f *testing.F) {
	f.Add([]byte{}, 0, 0)
	f.Add([]byte("hello"), 1, 9)
	f.Add(testBody(70<<10), 2, 9)
	f.Fuzz(func(t *testing.T, body []byte, kind, level int) {
		z, err := NewCompressor(Compression(kind), level)
		if err != nil {
			t.Skip()
		}
		zipped, err := z.Compress(nil, body)
		require.NoError(t, err)
		got, err := Decompress(zipped, z.SysFlag(), len(body))
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, got))
	})
}
