package body

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var (
	// ErrCompressionType means that a system flag names a compression that does
	// not exist. Java's consumer throws on it.
	ErrCompressionType = errors.New("unknown compression type")
	// ErrInflatedTooLarge means that a body is longer than allowed once it is
	// decompressed.
	ErrInflatedTooLarge = errors.New("decompressed body is too large")
)

// minZstdMemory is what a zstd decoder may use even if the limit is lower: an
// encoder announces a window that depends on its level only, 8 MiB at level 19.
const minZstdMemory = 8 << 20

// Decompressor decompresses bodies. It is safe for concurrent use. It keeps its
// decoders as a Compressor keeps its encoders.
type Decompressor struct {
	limit int
	zlib  sync.Pool // of *zlibDecoder
	lz4   sync.Pool // of *lz4Decoder
	zstd  sync.Pool // of *zstdDecoder
}

// NewDecompressor returns a Decompressor for bodies of at most limit bytes once
// decompressed. A limit below zero is zero.
func NewDecompressor(limit int) *Decompressor {
	return &Decompressor{limit: max(0, min(limit, math.MaxInt32))}
}

// Decompress returns the decompressed form of one body, see
// Decompressor.Decompress. It makes a decoder each time.
func Decompress(body []byte, sysFlag int32, limit int) ([]byte, error) {
	return NewDecompressor(limit).Decompress(body, sysFlag)
}

// Decompress returns what body was before it was compressed as sysFlag says, see
// CompressionOf. A body that is not compressed is returned as it is, whatever its
// size; anything else is memory of its own.
//
// The errors wrap ErrCompressionType, ErrInflatedTooLarge or
// headers.ErrMalformed; there is no body with them. When the flag is kept with
// the decompressed body, clear headers.SysFlagCompressed in it.
func (d *Decompressor) Decompress(body []byte, sysFlag int32) ([]byte, error) {
	return d.DecompressWithin(body, sysFlag, d.limit)
}

// DecompressWithin is Decompress with a lower limit for this body.
func (d *Decompressor) DecompressWithin(body []byte, sysFlag int32, limit int) ([]byte, error) {
	limit = max(0, min(limit, d.limit))
	if sysFlag&headers.SysFlagCompressed == 0 {
		return body, nil
	}
	c, err := CompressionOf(sysFlag)
	if err != nil {
		return nil, err
	}
	out, err := d.inflate(c, body, limit)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, ErrInflatedTooLarge):
		return nil, fmt.Errorf("body: %s: %w: over %d bytes", c, err, limit)
	case err == io.EOF:
		err = io.ErrUnexpectedEOF // the body ends before anything has begun
	}
	return nil, fmt.Errorf("body: %s: %w: %w", c, headers.ErrMalformed, err)
}

// CompressionOf returns how a body was compressed whose system flag says that it was.
// The type 0 is zlib, the only one there was before 4.9.4. The error wraps
// ErrCompressionType.
func CompressionOf(sysFlag int32) (Compression, error) {
	switch bits := sysFlag & headers.SysFlagCompressionMask; bits {
	case 0, headers.SysFlagZlib:
		return Zlib, nil
	case headers.SysFlagLZ4:
		return LZ4, nil
	case headers.SysFlagZstd:
		return Zstd, nil
	default:
		return 0, fmt.Errorf("body: %w: %d", ErrCompressionType, bits>>8)
	}
}

func (d *Decompressor) inflate(c Compression, body []byte, limit int) ([]byte, error) {
	if len(body) == 0 {
		return nil, io.EOF // to LZ4 and Zstd, nothing at all is a whole stream
	}
	switch c {
	case LZ4:
		return d.inflateLZ4(body, limit)
	case Zstd:
		return d.inflateZstd(body, limit)
	default:
		return d.inflateZlib(body, limit)
	}
}

type zlibDecoder struct {
	in    bytes.Reader
	unzip io.ReadCloser // nil before the first body with a sound header
}

func (d *Decompressor) inflateZlib(body []byte, limit int) ([]byte, error) {
	z, ok := d.zlib.Get().(*zlibDecoder)
	if !ok {
		z = &zlibDecoder{}
	}
	defer func() {
		z.in.Reset(nil)
		d.zlib.Put(z)
	}()
	z.in.Reset(body)
	var err error
	if r, ok := z.unzip.(zlib.Resetter); ok {
		err = r.Reset(&z.in, nil)
	} else {
		z.unzip, err = zlib.NewReader(&z.in)
	}
	if err != nil {
		return nil, err
	}
	return readAll(z.unzip, len(body), limit)
}

type lz4Decoder struct {
	in    bytes.Reader
	unzip *lz4.Reader
}

func (d *Decompressor) inflateLZ4(body []byte, limit int) ([]byte, error) {
	z, ok := d.lz4.Get().(*lz4Decoder)
	if !ok {
		z = &lz4Decoder{}
		z.unzip = lz4.NewReader(&z.in)
		// Concurrency 1 means that no goroutine is started.
		if err := z.unzip.Apply(lz4.ConcurrencyOption(1)); err != nil {
			return nil, err
		}
	}
	defer func() {
		z.in.Reset(nil)
		z.unzip.Reset(&z.in)
		d.lz4.Put(z)
	}()
	z.in.Reset(body)
	z.unzip.Reset(&z.in)
	return readAll(z.unzip, len(body), limit)
}

type zstdDecoder struct {
	in    bytes.Reader
	unzip *zstd.Decoder
}

func (d *Decompressor) inflateZstd(body []byte, limit int) ([]byte, error) {
	z, ok := d.zstd.Get().(*zstdDecoder)
	if !ok {
		z = &zstdDecoder{}
		var err error
		// Concurrency 1 means that no goroutine is started.
		z.unzip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(uint64(max(d.limit, minZstdMemory))))
		if err != nil {
			return nil, err
		}
	}
	defer func() {
		z.in.Reset(nil)
		_ = z.unzip.Reset(nil) // which fails for a closed decoder only
		d.zstd.Put(z)
	}()
	z.in.Reset(body)
	if err := z.unzip.Reset(&z.in); err != nil {
		return nil, err
	}
	out, err := readAll(z.unzip, len(body), limit)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, ErrInflatedTooLarge
	}
	return out, err
}

// readAll reads r to its end, limit bytes at most. It never holds more than
// twice the limit.
func readAll(r io.Reader, compressed, limit int) ([]byte, error) {
	// One byte more than allowed shows that there is more than allowed.
	out := make([]byte, 0, min(4*compressed, limit)+1)
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, ErrInflatedTooLarge
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		}
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(2*cap(out), limit+1))
			copy(grown, out)
			out = grown
		}
	}
}
