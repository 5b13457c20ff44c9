package addresses

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemory(t *testing.T) {
	var m Memory
	require.Equal(t, "127.0.0.1:10911", m.Broker())
	require.Equal(t, "127.0.0.1:9876", m.NameServer())
	require.Equal(t, "127.0.0.1:10931", m.Broker())
	require.Equal(t, "127.0.0.1:9877", m.NameServer())
}
