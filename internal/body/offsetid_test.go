package body

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOffsetMessageID(t *testing.T) {
	for host, want := range map[string]string{
		"127.0.0.1:10911":          "7F00000100002A9F00000000000003E8",
		"[::ffff:127.0.0.1]:10911": "7F00000100002A9F00000000000003E8",
		"[2001:db8::1]:65535":      "20010DB80000000000000000000000010000FFFF00000000000003E8",
	} {
		require.Equal(t, want, OffsetMessageID(netip.MustParseAddrPort(host), 1000))
		require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { OffsetMessageID(netip.AddrPort{}, 1000) }))
	}
}
