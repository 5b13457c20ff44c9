package producers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistry(t *testing.T) {
	var r Registry[int]
	client := func(id string) int {
		conn, ok := r.Client(id)
		require.Equal(t, conn != 0, ok)
		return conn
	}
	require.Zero(t, client("a"))
	require.Empty(t, r.Members("g"))
	r.Unregister("g", "a", 1)
	r.Disconnect(1)

	r.Register("g", Member[int]{ClientID: "b", Conn: 2})
	r.Register("g", Member[int]{ClientID: "a", Conn: 1})
	r.Register("g", Member[int]{ClientID: "other", Conn: 1})
	require.Equal(t, []Member[int]{{ClientID: "a", Conn: 1}, {ClientID: "b", Conn: 2}}, r.Members("g"), "it stays who it was")
	require.Equal(t, 1, client("a"))
	require.Zero(t, client("other"))
	require.True(t, r.Has("g"))
	require.Equal(t, 1, r.Len())

	r.Disconnect(2)
	require.Zero(t, client("b"))
	r.Unregister("g", "a", 1)
	require.Zero(t, client("a"))
	require.False(t, r.Has("g"))
}

// What brokers get wrong: a client whose connection is known gets no replies any more once
// one of its groups has said goodbye, or an older connection of it has ended.
func TestClientIsForgotten(t *testing.T) {
	var r Registry[int]
	r.Register("g", Member[int]{ClientID: "a", Conn: 1})
	r.Register("h", Member[int]{ClientID: "a", Conn: 1})
	r.Unregister("h", "a", 1)
	r.Register("g", Member[int]{ClientID: "a", Conn: 1}) // the next heartbeat
	_, ok := r.Client("a")
	require.False(t, ok)
	require.True(t, r.Has("g"))

	r.Register("g", Member[int]{ClientID: "a", Conn: 2})
	conn, ok := r.Client("a")
	require.True(t, ok)
	require.Equal(t, 2, conn)
	r.Disconnect(1)
	_, ok = r.Client("a")
	require.False(t, ok)
	require.Len(t, r.Members("g"), 1)
}
