package receive

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

func TestInfo(t *testing.T) {
	s := body.StoredMessage{
		Topic: "orders", BornTimestamp: 1795443880550, StoreTimestamp: 1795443880551, CommitLogOffset: 1000,
		StoreHost: netip.MustParseAddrPort("127.0.0.1:10911"),
	}
	for _, p := range []headers.Property{
		{Name: "UNIQ_KEY", Value: "0A"}, {Name: "KEYS", Value: " a  b c"}, {Name: "TAGS", Value: "old"}, {Name: "TAGS", Value: "paid"},
	} {
		s.Properties = headers.AppendProperty(s.Properties, p.Name, p.Value)
	}
	raw, err := body.AppendStored(nil, &s)
	require.NoError(t, err)
	m, _, err := Parse(raw)
	require.NoError(t, err)
	require.Equal(t, "0A", m.UniqueKey())
	require.Equal(t, "7F00000100002A9F00000000000003E8", m.OffsetID())
	require.Equal(t, []string{"a", "b", "c"}, m.Keys())
	require.Equal(t, "paid", m.Tag(), "the last, as in Java")
	require.Equal(t, time.UnixMilli(1795443880550), m.Born())
	require.Equal(t, time.UnixMilli(1795443880551), m.StoredAt())

	var none Message
	require.Empty(t, none.UniqueKey())
	require.Empty(t, none.Tag())
	require.Empty(t, none.Keys())
	require.Empty(t, none.PropertyList())
}
