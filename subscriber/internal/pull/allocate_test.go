package pull

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// javaShares is what testdata/Allocate.java writes.
const javaShares = "testdata/allocate.txt"

// Every member has the share that the Java client has in its place.
func TestAllocateAsJava(t *testing.T) {
	want, err := os.ReadFile(javaShares)
	require.NoError(t, err)
	var got strings.Builder
	for n := 1; n <= 20; n++ {
		queues := make([]routing.MessageQueue, n)
		for i := range queues {
			queues[i].QueueID = int32(i)
		}
		for members := 1; members <= 24; members++ {
			fmt.Fprintf(&got, "%d %d:", n, members)
			for i := range members {
				share := allocate(queues, members, i)
				if len(share) == 0 {
					got.WriteString(" -")
					continue
				}
				fmt.Fprintf(&got, " %d+%d", share[0].QueueID, len(share))
				for _, q := range share {
					require.Equal(t, i, ownerOf(int(q.QueueID), n, members))
				}
			}
			got.WriteByte('\n')
		}
	}
	require.Equal(t, string(want), got.String())
	require.Empty(t, allocate(nil, 3, 1))
	require.Empty(t, allocate(make([]routing.MessageQueue, 3), 3, 3))
}

// testdata/allocate.txt is what AllocateMessageQueueAveragely of the newest client does.
func TestRealAllocate(t *testing.T) {
	realbroker.Require(t)
	classPath, err := realbroker.ClassPath(t.Context(), realbroker.Versions()[0])
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "shares")
	text, err := exec.CommandContext(t.Context(), "java", "-cp", classPath, "testdata/Allocate.java", out).CombinedOutput()
	require.NoError(t, err, "%s", text)
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(javaShares, got, 0o600))
	}
	want, err := os.ReadFile(javaShares)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
