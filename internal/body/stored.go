package body

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Magic numbers of a stored message (MessageVersion of RocketMQ 5.5.0). The
// second version has two bytes for the topic's length, for topics over 127
// bytes.
const (
	storedMagicV1 = 0xDAA320A7
	storedMagicV2 = 0xDAA320AB

	// storedFixedSize is the size of a stored message without hosts, topic
	// length, and the three parts of variable length.
	storedFixedSize = 4*5 + 8*2 + 4 + 8*2 + 4 + 8 + 4 + 2

	crcMask = 1<<31 - 1
)

// StoredMessage is a message as brokers keep it and hand it out: in the answers
// to pulls and queries and in transaction checks (MessageDecoder of 5.5.0).
type StoredMessage struct {
	QueueID int32
	// Flag is the producer's free number.
	Flag            int32
	QueueOffset     int64
	CommitLogOffset int64
	// SysFlag as in headers.SysFlagCompressed and its like. The bits for IPv6
	// hosts are set by AppendStored.
	SysFlag        int32
	BornTimestamp  int64
	BornHost       netip.AddrPort
	StoreTimestamp int64
	StoreHost      netip.AddrPort
	ReconsumeTimes int32
	// PreparedOffset is the commit-log offset of a committed message's half.
	PreparedOffset int64
	// BodyCRC is the checksum that was stored; AppendStored computes it anew.
	BodyCRC int32
	Body    []byte
	Topic   string
	// Properties is the properties string, see headers.Properties.
	Properties []byte
}

// BodyChecksum is the CRC that a broker stores beside body: CRC-32 with its top
// bit cleared (UtilAll.crc32).
func BodyChecksum(body []byte) int32 {
	return int32(crc32.ChecksumIEEE(body) & crcMask)
}

// ParseStored decodes the first stored message of buf and returns what follows
// it. Body and Properties alias buf. It goes on by the message's own size, as a
// broker may append checksums that it does not declare elsewhere.
func ParseStored(buf []byte) (m StoredMessage, rest []byte, err error) {
	return ParseStoredFrom("", buf)
}

// ParseStoredFrom is ParseStored for a message that most likely is of the given topic: if
// it is, no string is made of its name.
func ParseStoredFrom(topic string, buf []byte) (m StoredMessage, rest []byte, err error) {
	if len(buf) < 8 {
		return m, nil, badStored("%d bytes, want at least 8", len(buf))
	}
	size := int64(int32(binary.BigEndian.Uint32(buf)))
	if size < 8 || size > int64(len(buf)) {
		return m, nil, badStored("size %d in %d bytes", size, len(buf))
	}
	r := reader{buf: buf[8:size]}
	magic := binary.BigEndian.Uint32(buf[4:])
	if magic != storedMagicV1 && magic != storedMagicV2 {
		return m, nil, badStored("magic number %#x", magic)
	}
	m.BodyCRC = r.int32()
	m.QueueID = r.int32()
	m.Flag = r.int32()
	m.QueueOffset = r.int64()
	m.CommitLogOffset = r.int64()
	m.SysFlag = r.int32()
	m.BornTimestamp = r.int64()
	m.BornHost = r.host(m.SysFlag&headers.SysFlagBornHostV6 != 0)
	m.StoreTimestamp = r.int64()
	m.StoreHost = r.host(m.SysFlag&headers.SysFlagStoreHostV6 != 0)
	m.ReconsumeTimes = r.int32()
	m.PreparedOffset = r.int64()
	m.Body = r.bytes(int64(r.int32()))
	var name []byte
	if magic == storedMagicV1 {
		name = r.bytes(int64(int8(r.byte())))
	} else {
		name = r.bytes(int64(r.int16()))
	}
	if m.Topic = topic; string(name) != topic {
		m.Topic = string(name)
	}
	m.Properties = r.bytes(int64(r.int16()))
	if r.failed {
		return StoredMessage{}, nil, badStored("a part runs past its size of %d", size)
	}
	return m, buf[size:], nil
}

// AppendStored appends m in the stored layout, with the checksum of its body.
// It fails with headers.ErrTooLarge when a part does not fit its length field;
// dst is then returned as it was.
func AppendStored(dst []byte, m *StoredMessage) ([]byte, error) {
	size := m.size()
	if size > math.MaxInt32 || len(m.Topic) > math.MaxInt16 || len(m.Properties) > headers.MaxPropertiesSize {
		return dst, fmt.Errorf("body: stored message: %w: %d bytes, topic %d, properties %d",
			headers.ErrTooLarge, size, len(m.Topic), len(m.Properties))
	}
	born, store := m.BornHost.Addr().Unmap(), m.StoreHost.Addr().Unmap()
	flag := m.SysFlag &^ (headers.SysFlagBornHostV6 | headers.SysFlagStoreHostV6)
	if born.Is6() {
		flag |= headers.SysFlagBornHostV6
	}
	if store.Is6() {
		flag |= headers.SysFlagStoreHostV6
	}
	magic := uint32(storedMagicV1)
	if len(m.Topic) > math.MaxInt8 {
		magic = storedMagicV2
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, magic)
	dst = binary.BigEndian.AppendUint32(dst, uint32(BodyChecksum(m.Body)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.QueueID))
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.Flag))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.QueueOffset))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.CommitLogOffset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(flag))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.BornTimestamp))
	dst = appendHost(dst, born, m.BornHost.Port())
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.StoreTimestamp))
	dst = appendHost(dst, store, m.StoreHost.Port())
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.ReconsumeTimes))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.PreparedOffset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.Body)))
	dst = append(dst, m.Body...)
	if magic == storedMagicV1 {
		dst = append(dst, byte(len(m.Topic)))
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(m.Topic)))
	}
	dst = append(dst, m.Topic...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(m.Properties)))
	return append(dst, m.Properties...), nil
}

// Size is the number of bytes AppendStored adds.
func (m *StoredMessage) Size() int { return int(m.size()) }

func (m *StoredMessage) size() int64 {
	size := int64(storedFixedSize) + hostSize(m.BornHost.Addr()) + hostSize(m.StoreHost.Addr()) + 1
	if len(m.Topic) > math.MaxInt8 {
		size++
	}
	return size + int64(len(m.Body)) + int64(len(m.Topic)) + int64(len(m.Properties))
}

func hostSize(a netip.Addr) int64 {
	if a.Unmap().Is6() {
		return 16 + 4
	}
	return 4 + 4
}

// appendHost appends address and port. An address that is not there is 0.0.0.0.
func appendHost(dst []byte, a netip.Addr, port uint16) []byte {
	if a.Is6() {
		ip := a.As16()
		dst = append(dst, ip[:]...)
	} else {
		var ip [4]byte
		if a.Is4() {
			ip = a.As4()
		}
		dst = append(dst, ip[:]...)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(port))
}

func badStored(format string, args ...any) error {
	return fmt.Errorf("body: stored message: %w: %s", headers.ErrMalformed, fmt.Sprintf(format, args...))
}

// reader takes parts off a buffer. Past the end, or for a negative length, it
// fails: every further part is zero and failed stays set, so that one check at
// the end is enough.
type reader struct {
	buf    []byte
	failed bool
}

func (r *reader) bytes(n int64) []byte {
	if r.failed || n < 0 || n > int64(len(r.buf)) {
		r.failed = true
		return nil
	}
	part := r.buf[:n:n]
	r.buf = r.buf[n:]
	return part
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// host reads an address and a port, which the wire gives 32 bits.
func (r *reader) host(v6 bool) netip.AddrPort {
	size := int64(4)
	if v6 {
		size = 16
	}
	addr, ok := netip.AddrFromSlice(r.bytes(size))
	port := r.int32()
	if !ok || port < 0 || port > math.MaxUint16 {
		r.failed = true
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// IsVersion1 reports whether a stored message is of the first version, which all of RocketMQ
// reads. AppendStored makes one of the second for a topic of more than 127 bytes.
func IsVersion1(stored []byte) bool { return binary.BigEndian.Uint32(stored[4:]) == storedMagicV1 }

// LogOffsetOf is the offset in the log that a stored message carries.
func LogOffsetOf(stored []byte) int64 { return int64(binary.BigEndian.Uint64(stored[28:])) }

// QueueOffsetOf is the offset in its queue that a stored message carries.
func QueueOffsetOf(stored []byte) int64 { return int64(binary.BigEndian.Uint64(stored[20:])) }

// StoreTimeEnd is how much of a stored message StoreTimeOf needs, at most.
const StoreTimeEnd = 48 + 20 + 8

// StoreTimeOf is when a broker stored the message that begins stored, to the millisecond; 0
// if it is cut.
func StoreTimeOf(stored []byte) int64 {
	if at := storeTimeAt(stored); at+8 <= len(stored) {
		return int64(binary.BigEndian.Uint64(stored[at:]))
	}
	return 0
}

// storeTimeAt is where the store time is: behind the host, which has one of two sizes.
func storeTimeAt(stored []byte) int {
	const sysFlagAt, bornHostAt = 36, 48
	if len(stored) > sysFlagAt+4 && binary.BigEndian.Uint32(stored[sysFlagAt:])&headers.SysFlagBornHostV6 != 0 {
		return bornHostAt + 20
	}
	return bornHostAt + 8
}

// Place says where and when a broker has put a message.
type Place struct {
	QueueOffset     int64
	CommitLogOffset int64
	StoreTimestamp  int64
}

// SetPlace writes p into stored, the bytes that AppendStored gave for one
// message. A broker knows the place of a message later than its size.
func SetPlace(stored []byte, p Place) error {
	const queueOffsetAt = 20
	if len(stored) < storedFixedSize+2*8+1 {
		return badStored("%d bytes", len(stored))
	}
	binary.BigEndian.PutUint64(stored[queueOffsetAt:], uint64(p.QueueOffset))
	binary.BigEndian.PutUint64(stored[queueOffsetAt+8:], uint64(p.CommitLogOffset))
	binary.BigEndian.PutUint64(stored[storeTimeAt(stored):], uint64(p.StoreTimestamp))
	return nil
}
