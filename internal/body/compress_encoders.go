package body

import (
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	// defaultLevel is the default of rocketmq.message.compressLevel.
	defaultLevel = 5

	// zstdWindow bounds the memory of both sides. Java's decoder would take 128
	// MiB; a body is seldom over 4.
	zstdWindow = 4 << 20
)

func newEncoder(c Compression, level int) (encoder, error) {
	switch c {
	case LZ4:
		return newLZ4Encoder(level)
	case Zstd:
		return newZstdEncoder(level)
	default:
		return newZlibEncoder(level)
	}
}

// sliceWriter is an io.Writer that appends.
type sliceWriter struct{ buf []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	return len(p), nil
}

// take returns what was written and forgets it, so that an idle encoder keeps no
// body alive.
func (w *sliceWriter) take() []byte {
	buf := w.buf
	w.buf = nil
	return buf
}

type zlibEncoder struct {
	out sliceWriter
	zip *zlib.Writer
}

func newZlibEncoder(level int) (*zlibEncoder, error) {
	if level == 0 {
		level = defaultLevel
	}
	e := &zlibEncoder{}
	var err error
	e.zip, err = zlib.NewWriterLevel(&e.out, level)
	return e, err
}

func (e *zlibEncoder) encode(dst, src []byte) ([]byte, error) {
	e.out.buf = dst
	e.zip.Reset(&e.out)
	if _, err := e.zip.Write(src); err != nil {
		return nil, err
	}
	if err := e.zip.Close(); err != nil {
		return nil, err
	}
	return e.out.take(), nil
}

type lz4Encoder struct {
	out   sliceWriter
	zip   *lz4.Writer
	level lz4.CompressionLevel
}

func newLZ4Encoder(level int) (*lz4Encoder, error) {
	e := &lz4Encoder{level: lz4.Fast}
	if level > 0 {
		e.level = lz4.Level1 << (level - 1)
	}
	e.zip = lz4.NewWriter(&e.out)
	return e, nil
}

func (e *lz4Encoder) encode(dst, src []byte) ([]byte, error) {
	e.out.buf = dst
	e.zip.Reset(&e.out)
	// Concurrency 1 means that no goroutine is started.
	err := e.zip.Apply(lz4.ConcurrencyOption(1), lz4.ChecksumOption(false),
		lz4.CompressionLevelOption(e.level), lz4.BlockSizeOption(lz4BlockSize(len(src))))
	if err != nil {
		return nil, err
	}
	if _, err = e.zip.Write(src); err != nil {
		return nil, err
	}
	if err = e.zip.Close(); err != nil {
		return nil, err
	}
	return e.out.take(), nil
}

// lz4BlockSize returns the smallest block that a body of size bytes fits in:
// reader and writer allocate a whole block, however small the body is.
func lz4BlockSize(size int) lz4.BlockSize {
	switch {
	case size <= 64<<10:
		return lz4.Block64Kb
	case size <= 256<<10:
		return lz4.Block256Kb
	case size <= 1<<20:
		return lz4.Block1Mb
	default:
		return lz4.Block4Mb
	}
}

type zstdEncoder struct{ zip *zstd.Encoder }

func newZstdEncoder(level int) (*zstdEncoder, error) {
	if level == 0 {
		level = defaultLevel
	}
	zip, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), // a stored message has a CRC of its own
		zstd.WithZeroFrames(true),
	)
	return &zstdEncoder{zip: zip}, err
}

func (e *zstdEncoder) encode(dst, src []byte) ([]byte, error) {
	return e.zip.EncodeAll(src, dst), nil
}
