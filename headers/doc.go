// Package headers describes RocketMQ requests and responses as bytes: the
// remoting frame, its header in both serializations, the request and response
// codes, the typed headers of each request, and the properties string of a
// message. It does no I/O and imports the standard library only.
//
// A frame (RemotingCommand, NettyEncoder and NettyDecoder of RocketMQ 5.5.0) is
//
//	4 bytes  length of all that follows
//	1 byte   serialization type of the header: 0 JSON, 1 ROCKETMQ binary
//	3 bytes  header length
//	n bytes  header: code, flags, opaque, remark and string-to-string ext fields
//	m bytes  body
//
// All integers are big-endian and signed. Encoding appends to a slice that the
// caller owns; decoding returns values that alias the frame it was given and
// never panics, whatever the bytes are.
package headers
