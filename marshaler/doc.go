// Package marshaler translates between Watermill messages and RocketMQ
// messages, and between Watermill topics and RocketMQ topics, in both
// directions and byte for byte: what [Default] and [EscapeTopics] write, they
// read back unchanged, whatever bytes the UUID, the metadata, the payload and
// the topic are made of.
//
// # Messages
//
// A RocketMQ message is a body and a properties string, a list of named values
// that has no place for empty values, for the bytes 0x01 and 0x02, or for bytes
// that are not UTF-8. Some names are RocketMQ's own. Everything that fits
// becomes a property under its own name, so that a consumer written in another
// language sees it; the rest is escaped under names that begin with "_wm_":
//
//	_watermill_message_uuid  the UUID
//	_wm_uuid                 the UUID, escaped, when it does not fit
//	KEYS                     the UUID as a search key, then those of MetadataKeys
//	TAGS                     MetadataTag
//	<name>                   a metadata entry that fits
//	_wm_m_<escaped name>     a metadata entry that does not; its value is escaped
//	_wm_payload              "nil" or "empty": the body stands for no payload
//	_wm_topic                the topic's name, escaped, when no RocketMQ topic
//	                         name can hold it
//
// Tag, keys and flag of a RocketMQ message are asked for by metadata of the names
// [MetadataTag], [MetadataKeys] and [MetadataFlag]. Metadata of RocketMQ's own
// names asks for nothing, and arrives as it was sent.
//
// Escaping writes "%XX" for '%', 0x01, 0x02 and each byte that is not part of
// valid UTF-8, and "%" for the empty string.
//
// # Reading
//
// A consumer of another client holds a MessageExt or the like. [Reader] makes the
// Watermill message and its topic of it: body compressed or not, properties as the
// string that brokers store, as a map, or as names and values.
//
//	topic, msg, err := marshaler.Reader{}.Read(marshaler.MessageExt{
//		Topic: ext.Topic, Body: ext.Body, SysFlag: ext.SysFlag, Flag: ext.Flag,
//		Decompressed: marshaler.DecompressedZlib, // of rocketmq-client-go
//		Properties:   marshaler.PropertiesOf(ext.GetProperties()),
//	})
//
// # Topics
//
// A RocketMQ topic is made of letters, digits, '_', '-', '%' and '|', at most
// 127 of them. [EscapeTopics] leaves such names alone and escapes the others.
//
// Everything here is a value without state: it may be copied, and used from
// many goroutines at once.
package marshaler
