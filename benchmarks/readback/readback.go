// Package readback reads, with rocketmq-client-go, the messages that the publisher has
// sent. It is here because this module depends on that client already.
package readback

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// FromMessageExt returns the Watermill message that a consumer of rocketmq-client-go
// was given, and the Watermill topic it was published to. The payload may alias the
// body of ext.
//
// The client decompresses bodies that were compressed with zlib, without a limit, and
// hands out those of LZ4 and Zstandard as they are stored. The errors are those of
// marshaler.Reader.
func FromMessageExt(ext *primitive.MessageExt) (topic string, msg *message.Message, err error) {
	return marshaler.Reader{}.Read(marshaler.MessageExt{
		Topic:        ext.Topic,
		Body:         ext.Body,
		SysFlag:      ext.SysFlag,
		Decompressed: marshaler.DecompressedZlib,
		Flag:         ext.Flag,
		Properties:   marshaler.PropertiesOf(ext.GetProperties()),
	})
}
