package body

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// storedMessages decodes the body of a captured frame.
func storedMessages(t testing.TB, name string) []StoredMessage {
	t.Helper()
	var list []StoredMessage
	for rest := readFrame(t, name).Body; len(rest) > 0; {
		m, next, err := ParseStored(rest)
		require.NoError(t, err)
		list = append(list, m)
		rest = next
	}
	return list
}

// TestGoldenStored compares with what the README of the captured frames says of
// them, decoded there by other code.
func TestGoldenStored(t *testing.T) {
	for _, test := range []struct {
		name  string
		count int
		index int
		want  StoredMessage
	}{
		{"32_pull_11_resp_batch_zlib.hex", 8, 0, StoredMessage{
			QueueID: 3, CommitLogOffset: 8361526, BodyCRC: 656126068, Topic: "golden_topic", Body: []byte("batch-0"),
			Properties: []byte("KEYS\x01bk0\x02UNIQ_KEY\x01FD0000000000000000000000000000022DAC30946E097454DB670003\x02WAIT\x01true\x02TAGS\x01TagB\x02"),
		}},
		{"33_pull_11_resp_lz4_tx_delay.hex", 5, 3, StoredMessage{
			QueueOffset: 3, CommitLogOffset: 8368680, SysFlag: headers.SysFlagCommit, BodyCRC: 1703926528, PreparedOffset: 8368256,
			Topic: "golden_topic", Body: []byte("tx-commit"),
		}},
		{"34_pull_11_resp_zstd_timer.hex", 6, 2, StoredMessage{
			QueueID: 1, Flag: 7, QueueOffset: 2, CommitLogOffset: 8364338, BodyCRC: 1104141474, Topic: "golden_topic", Body: []byte("hello golden"),
		}},
		{"21_tx_check_39_from_broker.hex", 1, 0, StoredMessage{
			QueueID: 2, QueueOffset: 3, CommitLogOffset: 8370806, BodyCRC: 90841959, Topic: "golden_topic", Body: []byte("tx-unknown"),
		}},
		{"79_view_33_resp.hex", 1, 0, StoredMessage{
			QueueID: 1, Flag: 7, CommitLogOffset: 8360708, BodyCRC: 1104141474, Topic: "golden_topic", Body: []byte("hello golden"),
		}},
		{"84_v497_pull_resp.hex", 2, 1, StoredMessage{
			QueueOffset: 1, CommitLogOffset: 8361732, BodyCRC: 76700198, Topic: "golden_497", Body: []byte("hello 497"),
			Properties: []byte("UNIQ_KEY\x017F0000010001000000000000000000D2\x02CLUSTER\x01DefaultCluster"),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := storedMessages(t, test.name)
			require.Len(t, list, test.count)
			got := list[test.index]
			if test.want.Properties == nil {
				got.Properties = nil
			}
			require.Equal(t, "127.0.0.1", got.BornHost.Addr().String())
			require.Equal(t, "127.0.0.1", got.StoreHost.Addr().String())
			require.Greater(t, got.StoreTimestamp, got.BornTimestamp-1)
			test.want.BornHost, test.want.StoreHost = got.BornHost, got.StoreHost
			test.want.BornTimestamp, test.want.StoreTimestamp = got.BornTimestamp, got.StoreTimestamp
			require.Equal(t, test.want, got)
			for _, m := range list {
				require.Equal(t, m.BodyCRC, BodyChecksum(m.Body))
			}
		})
	}
}

// TestGoldenStoredAgain writes captured messages anew: the bytes are the same.
func TestGoldenStoredAgain(t *testing.T) {
	for _, name := range []string{"21_tx_check_39_from_broker.hex", "32_pull_11_resp_batch_zlib.hex", "33_pull_11_resp_lz4_tx_delay.hex", "34_pull_11_resp_zstd_timer.hex", "79_view_33_resp.hex", "84_v497_pull_resp.hex"} {
		var again []byte
		for _, m := range storedMessages(t, name) {
			before := len(again)
			var err error
			again, err = AppendStored(again, &m)
			require.NoError(t, err)
			require.Equal(t, len(again)-before, m.Size())
		}
		require.Equal(t, readFrame(t, name).Body, again, name)
	}
}

func example() StoredMessage {
	return StoredMessage{
		QueueID: 1, Flag: -2, QueueOffset: 3, CommitLogOffset: 4, SysFlag: 0x301, BornTimestamp: 5,
		BornHost: netip.MustParseAddrPort("192.0.2.1:6"), StoreTimestamp: 7, StoreHost: netip.MustParseAddrPort("192.0.2.2:65535"),
		ReconsumeTimes: 8, PreparedOffset: 9, Body: []byte("body"), Topic: "topic", Properties: []byte("a\x01b\x02"),
	}
}

func TestStoredRoundTrip(t *testing.T) {
	for name, change := range map[string]func(m *StoredMessage){
		"IPv4":              func(*StoredMessage) {},
		"born IPv6":         func(m *StoredMessage) { m.BornHost = netip.MustParseAddrPort("[2001:db8::1]:1") },
		"store IPv6":        func(m *StoredMessage) { m.StoreHost = netip.MustParseAddrPort("[2001:db8::1]:1") },
		"no body":           func(m *StoredMessage) { m.Body = []byte{} },
		"topic of 127":      func(m *StoredMessage) { m.Topic = strings.Repeat("t", 127) },
		"topic of 128":      func(m *StoredMessage) { m.Topic = strings.Repeat("t", 128) },
		"topic of 255":      func(m *StoredMessage) { m.Topic = strings.Repeat("t", 255) },
		"longest property":  func(m *StoredMessage) { m.Properties = make([]byte, headers.MaxPropertiesSize) },
		"stale IPv6 flags":  func(m *StoredMessage) { m.SysFlag |= headers.SysFlagBornHostV6 | headers.SysFlagStoreHostV6 },
		"IPv4 in IPv6 form": func(m *StoredMessage) { m.BornHost = netip.MustParseAddrPort("[::ffff:192.0.2.1]:6") },
	} {
		t.Run(name, func(t *testing.T) {
			m := example()
			change(&m)
			raw, err := AppendStored([]byte("before"), &m)
			require.NoError(t, err)
			require.Len(t, raw, len("before")+m.Size())
			got, rest, err := ParseStored(append(raw, "rest"...)[len("before"):])
			require.NoError(t, err)
			require.Equal(t, "rest", string(rest))
			m.BodyCRC = BodyChecksum(m.Body)
			m.SysFlag = got.SysFlag
			m.BornHost = netip.AddrPortFrom(m.BornHost.Addr().Unmap(), m.BornHost.Port())
			require.Equal(t, m, got)
			require.Equal(t, m.BornHost.Addr().Is6(), got.SysFlag&headers.SysFlagBornHostV6 != 0)
			require.Equal(t, m.StoreHost.Addr().Is6(), got.SysFlag&headers.SysFlagStoreHostV6 != 0)
		})
	}
}

// TestStoredSize: 91 bytes without the parts of variable length.
func TestStoredSize(t *testing.T) {
	var m StoredMessage
	require.Equal(t, 91, m.Size())
	raw, err := AppendStored(nil, &m)
	require.NoError(t, err)
	require.Len(t, raw, 91)
}

// TestStoredGoesOnBySize: what a broker appends without declaring it is passed
// over.
func TestStoredGoesOnBySize(t *testing.T) {
	m := example()
	raw, err := AppendStored(nil, &m)
	require.NoError(t, err)
	raw = append(raw, "crc32"...)
	binary.BigEndian.PutUint32(raw, uint32(len(raw)))
	raw, err = AppendStored(raw, &m)
	require.NoError(t, err)
	_, rest, err := ParseStored(raw)
	require.NoError(t, err)
	_, rest, err = ParseStored(rest)
	require.NoError(t, err)
	require.Empty(t, rest)
}

func TestSetPlace(t *testing.T) {
	for _, host := range []string{"192.0.2.1:1", "[2001:db8::1]:1"} {
		m := example()
		m.BornHost = netip.MustParseAddrPort(host)
		raw, err := AppendStored(nil, &m)
		require.NoError(t, err)
		require.NoError(t, SetPlace(raw, Place{QueueOffset: 100, CommitLogOffset: 200, StoreTimestamp: 300}))
		got, _, err := ParseStored(raw)
		require.NoError(t, err)
		m.QueueOffset, m.CommitLogOffset, m.StoreTimestamp = 100, 200, 300
		m.BodyCRC, m.SysFlag = got.BodyCRC, got.SysFlag
		require.Equal(t, m, got)
	}
	require.ErrorIs(t, SetPlace(make([]byte, 90), Place{}), headers.ErrMalformed)
}

func TestAppendStoredRefuses(t *testing.T) {
	for name, m := range map[string]StoredMessage{
		"topic":      {Topic: strings.Repeat("t", math.MaxInt16+1)},
		"properties": {Properties: make([]byte, headers.MaxPropertiesSize+1)},
	} {
		got, err := AppendStored([]byte("before"), &m)
		require.ErrorIs(t, err, headers.ErrTooLarge, name)
		require.Equal(t, "before", string(got))
	}
}

func TestParseStoredRefuses(t *testing.T) {
	valid := example()
	raw, err := AppendStored(nil, &valid)
	require.NoError(t, err)
	const bornPortAt, bodyAt = 52, 84
	require.EqualValues(t, 4, binary.BigEndian.Uint32(raw[bodyAt:]))
	topicAt := bodyAt + 4 + len(valid.Body)
	propertiesAt := topicAt + 1 + len(valid.Topic)
	put32 := func(at int, v uint32) func(b []byte) []byte {
		return func(b []byte) []byte { binary.BigEndian.PutUint32(b[at:], v); return b }
	}
	for name, damage := range map[string]func(b []byte) []byte{
		"nothing":             func([]byte) []byte { return nil },
		"seven bytes":         func(b []byte) []byte { return b[:7] },
		"cut":                 func(b []byte) []byte { return b[:len(b)-1] },
		"size 0":              put32(0, 0),
		"size 7":              put32(0, 7),
		"size negative":       put32(0, 0xFFFFFFFF),
		"size small":          put32(0, uint32(len(raw)-1)),
		"magic":               put32(4, 0xDAA320A8),
		"body past the end":   put32(bodyAt, 1000),
		"body negative":       put32(bodyAt, 0x80000000),
		"topic negative":      func(b []byte) []byte { b[topicAt] = 0xFF; return b },
		"topic past the end":  func(b []byte) []byte { b[topicAt] = 127; return b },
		"properties negative": func(b []byte) []byte { b[propertiesAt] = 0x80; return b },
		"properties too long": func(b []byte) []byte { b[propertiesAt] = 1; return b },
		"port":                put32(bornPortAt, 65536),
		"IPv6 flag alone":     put32(36, headers.SysFlagBornHostV6),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParseStored(damage(append([]byte(nil), raw...)))
			require.ErrorIs(t, err, headers.ErrMalformed)
		})
	}
}

// TestParseStoredCut: no prefix of a message is one.
func TestParseStoredCut(t *testing.T) {
	m := example()
	raw, err := AppendStored(nil, &m)
	require.NoError(t, err)
	for n := range len(raw) {
		_, _, err := ParseStored(raw[:n])
		require.ErrorIs(t, err, headers.ErrMalformed)
		resized := append([]byte(nil), raw[:n]...)
		if n >= 4 {
			binary.BigEndian.PutUint32(resized, uint32(n))
			_, _, err = ParseStored(resized)
			require.ErrorIs(t, err, headers.ErrMalformed)
		}
	}
}

func TestStoredAllocations(t *testing.T) {
	m := example()
	buf := make([]byte, 0, m.Size())
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = AppendStored(buf, &m) }))

	raw, err := AppendStored(nil, &m)
	require.NoError(t, err)
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { _, _, _ = ParseStored(raw) }), "the topic")
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { _, _, _ = ParseStoredFrom("another", raw) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = ParseStoredFrom(m.Topic, raw) }))
}
