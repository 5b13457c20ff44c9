package publisher_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's first command, against a real cluster.
func TestQuickstartOnRealBroker(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		before := len(w.real.Read(t, "_wm_shop-2Ereceipts", 0))
		cmd := exec.CommandContext(t.Context(), "go", "run", "-C", "../_examples", "./quickstart", "-nameserver", w.nameServers[0], "-count", "7")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, 7, strings.Count(string(out), "broker broker-a, queue "), string(out))
		receipts := w.read(t, "_wm_shop-2Ereceipts", before+7)
		require.Contains(t, string(receipts[len(receipts)-1].Body), "receipt for order ")
	})
}
