package publisher

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
)

// CompressionConfig says which bodies are compressed, and how. A body is sent as
// it is when compression would not make it smaller.
type CompressionConfig struct {
	// Codec is Zlib, LZ4, Zstd or NoCompression. Zlib by default: consumers
	// that use rocketmq-client-go read nothing else, and Java consumers from
	// before 4.9.4 lose such messages without an error.
	Codec Compression
	// Level is 1, the fastest, to 9. By default it is 5 for Zlib and Zstd, as in
	// the Java client, and for LZ4 its fast mode, which is below level 1.
	Level int
	// Threshold is the size from which bodies are compressed. 4096 by default,
	// as in the Java client (compressMsgBodyOverHowmuch).
	Threshold int
}

// Compression names a codec.
type Compression string

// The codecs a CompressionConfig may name.
const (
	Zlib          Compression = "zlib"
	LZ4           Compression = "lz4"
	Zstd          Compression = "zstd"
	NoCompression Compression = "none"
)

// compressor returns nil for NoCompression.
func (c *Config) compressor() (*body.Compressor, error) {
	codec, ok := codecs[c.Compression.Codec]
	if !ok {
		return nil, nil
	}
	return body.NewCompressor(codec, c.Compression.Level)
}

var codecs = map[Compression]body.Compression{Zlib: body.Zlib, LZ4: body.LZ4, Zstd: body.Zstd}

// check reports what is wrong, once defaults are set.
func (c *CompressionConfig) check(l *faults.List) {
	if _, ok := codecs[c.Codec]; !ok && c.Codec != NoCompression {
		l.Add("Compression.Codec is %q, want zlib, lz4, zstd or none", c.Codec)
	}
	l.Int("Compression.Level", c.Level, 0, 9)
	l.Int("Compression.Threshold", c.Threshold, 1, 1<<30)
}
