package publisher

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// HeaderFormat is how request headers are written.
type HeaderFormat string

// The header formats.
const (
	BinaryHeaders HeaderFormat = "binary"
	JSONHeaders   HeaderFormat = "json"
)

func (c *Config) serialization() headers.Serialization {
	if c.Headers == JSONHeaders {
		return headers.JSON
	}
	return headers.Binary
}
