package addresses

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListening(t *testing.T) {
	for addr, want := range map[string]Told{
		"127.0.0.1:10911":      {"127.0.0.1:10911", netip.MustParseAddrPort("127.0.0.1:10911")},
		"192.0.2.7:1":          {"192.0.2.7:1", netip.MustParseAddrPort("192.0.2.7:1")},
		"[::1]:10911":          {"[::1]:10911", netip.MustParseAddrPort("[::1]:10911")},
		"[::]:10911":           {"127.0.0.1:10911", netip.MustParseAddrPort("127.0.0.1:10911")},
		"0.0.0.0:10911":        {"127.0.0.1:10911", netip.MustParseAddrPort("127.0.0.1:10911")},
		"broker.example:10911": {"broker.example:10911", netip.MustParseAddrPort("127.0.0.1:0")},
	} {
		require.Equal(t, want, Listening(addr), addr)
	}
}

func TestAdvertised(t *testing.T) {
	for _, test := range []struct {
		told []string
		i    int
		addr string
		host string
	}{
		{nil, 0, "127.0.0.1:10911", "127.0.0.1:10911"},
		{[]string{"192.0.2.7"}, 1, "192.0.2.7:10911", "192.0.2.7:10911"},
		{[]string{"192.0.2.7:30911"}, 0, "192.0.2.7:30911", "192.0.2.7:30911"},
		{[]string{"192.0.2.7:1", "192.0.2.8:2"}, 1, "192.0.2.8:2", "192.0.2.8:2"},
		{[]string{"192.0.2.7", "192.0.2.8"}, 1, "192.0.2.8:10911", "192.0.2.8:10911"},
		{[]string{"2001:db8::1"}, 0, "[2001:db8::1]:10911", "[2001:db8::1]:10911"},
		{[]string{"[2001:db8::1]:30911"}, 0, "[2001:db8::1]:30911", "[2001:db8::1]:30911"},
		{[]string{"localhost"}, 0, "localhost:10911", "127.0.0.1:10911"},
	} {
		require.NoError(t, Advertised(test.told).Check(max(1, len(test.told))), "%v", test.told)
		told, err := Advertised(test.told).Of(test.i, "[::]:10911")
		require.NoError(t, err)
		require.Equal(t, Told{test.addr, netip.MustParseAddrPort(test.host)}, told, "%v", test.told)
	}
}

// A name without an address: messages could not say where they are stored.
func TestAdvertisedNameWithoutAddress(t *testing.T) {
	_, err := Advertised{"nobody.invalid"}.Of(0, "127.0.0.1:10911")
	var failed *net.DNSError
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "nobody.invalid")
}

func TestAdvertisedFaults(t *testing.T) {
	for _, test := range []struct {
		told    []string
		brokers int
		fault   string
	}{
		{[]string{"a:1", "b:1"}, 3, "2 advertised addresses for 3 brokers"},
		{[]string{"a", "b"}, 1, "2 advertised addresses for 1 brokers"},
		{[]string{"a:1"}, 2, "advertised address a:1 for 2 brokers"},
		{[]string{"a:1", "a:1"}, 2, "for two brokers"},
		{[]string{""}, 1, "is neither"},
		{[]string{`a"b`}, 1, "is neither"},
		{[]string{"a b:1"}, 1, "is neither"},
		{[]string{":10911"}, 1, "is neither"},
		{[]string{"a:0"}, 1, "port"},
		{[]string{"a:70000"}, 1, "port"},
		{[]string{"a:b:c"}, 1, "is neither"},
		{[]string{"0.0.0.0"}, 1, "nobody can dial it"},
		{[]string{"[::]:10911"}, 1, "nobody can dial it"},
		{[]string{"fe80::1%eth0"}, 1, "zone"},
	} {
		require.ErrorContains(t, Advertised(test.told).Check(test.brokers), test.fault, "%q", test.told)
	}
}

func FuzzAdvertised(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "a:1", "[::1]:2", "::1", "%", "a:b:c", "\"", "localhost:65535"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		a := Advertised{addr}
		if a.Check(1) != nil {
			return
		}
		host, _, err := parse(addr)
		require.NoError(t, err)
		if _, err := netip.ParseAddr(host); err != nil {
			require.Regexp(t, `^[A-Za-z0-9._-]+$`, host, "it goes into JSON as it is")
			return // no look-ups
		}
		told, err := a.Of(0, "127.0.0.1:10911")
		require.NoError(t, err)
		at, err := netip.ParseAddrPort(told.Addr)
		require.NoError(t, err)
		require.NotZero(t, at.Port())
		require.Equal(t, at.Addr().Unmap(), told.Host.Addr())
	})
}
