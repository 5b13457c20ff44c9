package rocketmq

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// HeaderFormat is how request headers are written.
type HeaderFormat string

// The header formats.
const (
	BinaryHeaders HeaderFormat = "binary"
	JSONHeaders   HeaderFormat = "json"
)

// Serialization returns the format as package headers names it. The zero value is
// BinaryHeaders.
func (f HeaderFormat) Serialization() headers.Serialization {
	if f == JSONHeaders {
		return headers.JSON
	}
	return headers.Binary
}
