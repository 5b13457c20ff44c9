package properties

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// UniqueKey makes a key of the form that MessageClientIDSetter has: address, process, loader,
// time, counter.
func UniqueKey(host netip.AddrPort, nowInMilli int64, counter uint16) string {
	id := append(host.Addr().Unmap().AsSlice(), 0, 1, 0, 0)
	id = binary.BigEndian.AppendUint16(id, host.Port())
	id = binary.BigEndian.AppendUint32(id, uint32(nowInMilli))
	return fmt.Sprintf("%X", binary.BigEndian.AppendUint16(id, counter))
}
