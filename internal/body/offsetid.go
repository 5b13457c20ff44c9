package body

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// OffsetMessageID names a stored message by the address of the broker that has stored it
// and by its place in the commit log, in upper-case hex: 4 bytes of an IPv4 address or 16
// of an IPv6 one, 4 of the port, 8 of the offset (MessageDecoder.createMessageId of
// 5.5.0, which takes an IPv4 address in IPv6 form for IPv4).
func OffsetMessageID(host netip.AddrPort, commitLogOffset int64) string {
	const digits = "0123456789ABCDEF"
	var idRoom [16 + 4 + 8]byte
	id := idRoom[:0]
	if addr := host.Addr().Unmap(); addr.Is6() {
		ip := addr.As16()
		id = append(id, ip[:]...)
	} else if addr.Is4() {
		ip := addr.As4()
		id = append(id, ip[:]...)
	}
	id = binary.BigEndian.AppendUint32(id, uint32(host.Port()))
	id = binary.BigEndian.AppendUint64(id, uint64(commitLogOffset))
	var textRoom [2 * len(idRoom)]byte
	text := textRoom[:0]
	for _, b := range id {
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}

// OffsetMessageIDs are the ids of several messages, with commas between them.
func OffsetMessageIDs(host netip.AddrPort, commitLogOffsets []int64) string {
	ids := make([]string, len(commitLogOffsets))
	for i, offset := range commitLogOffsets {
		ids[i] = OffsetMessageID(host, offset)
	}
	return strings.Join(ids, ",")
}
