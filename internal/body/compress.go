// Package body turns message bodies into request bodies and back: compression by
// system flag, and the layouts of batches and stored messages. It does no I/O.
package body

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Compression is a way to compress a message body
// (org.apache.rocketmq.common.compression.CompressionType of 5.5.0).
type Compression int

// The compressions that RocketMQ has. Clients from before 4.9.4 read Zlib only.
const (
	// Zlib is RFC 1950, RocketMQ's default.
	Zlib Compression = iota
	// LZ4 is the LZ4 frame format with independent blocks, without checksums.
	LZ4
	// Zstd is one Zstandard frame without a checksum.
	Zstd
)

// String returns RocketMQ's name of the compression.
func (c Compression) String() string {
	switch c {
	case Zlib:
		return "ZLIB"
	case LZ4:
		return "LZ4"
	case Zstd:
		return "ZSTD"
	default:
		return "compression " + strconv.Itoa(int(c))
	}
}

// SysFlag returns the bits of a message's system flag that say that its body is
// compressed in this way. They hold for a whole request: never set them on a
// batch, where the broker copies them to messages that are not compressed.
func (c Compression) SysFlag() int32 {
	switch c {
	case LZ4:
		return headers.SysFlagCompressed | headers.SysFlagLZ4
	case Zstd:
		return headers.SysFlagCompressed | headers.SysFlagZstd
	default:
		return headers.SysFlagCompressed | headers.SysFlagZlib
	}
}

// Compressor compresses bodies in one way. It is safe for concurrent use. It
// keeps its encoders for the next body, at most as many as have been at work at
// once, until the garbage collector takes the idle ones.
type Compressor struct {
	compression Compression
	level       int
	encoders    sync.Pool // of encoder
}

// encoder compresses one body at a time.
type encoder interface {
	// encode appends src, compressed, to dst.
	encode(dst, src []byte) ([]byte, error)
}

// maxLevel is the highest level. Zstd has higher ones, at 40 MiB an encoder.
const maxLevel = 9

// NewCompressor returns a Compressor. Levels are 1, the fastest, to 9; for Zstd,
// neighbours may be the same. Level 0 is the default: 5 for Zlib and Zstd, as in
// Java, and LZ4's fast mode, which is below its level 1.
func NewCompressor(c Compression, level int) (*Compressor, error) {
	if c < Zlib || c > Zstd {
		return nil, fmt.Errorf("body: %w: %d", ErrCompressionType, int(c))
	}
	if level < 0 || level > maxLevel {
		return nil, fmt.Errorf("body: %s level %d is not in 0 to %d", c, level, maxLevel)
	}
	return &Compressor{compression: c, level: level}, nil
}

// SysFlag returns the flag that goes with the bodies, see Compression.SysFlag.
func (c *Compressor) SysFlag() int32 { return c.compression.SysFlag() }

// Compress appends src, compressed, to dst, which must not overlap src. The
// same body gives the same bytes. Whether they are fewer is for the caller to
// look at.
func (c *Compressor) Compress(dst, src []byte) ([]byte, error) {
	e, ok := c.encoders.Get().(encoder)
	if !ok {
		var err error
		if e, err = newEncoder(c.compression, c.level); err != nil {
			return dst, fmt.Errorf("body: %s: %w", c.compression, err)
		}
	}
	out, err := e.encode(dst, src)
	if err != nil {
		return dst, fmt.Errorf("body: cannot compress with %s: %w", c.compression, err)
	}
	c.encoders.Put(e)
	return out, nil
}
