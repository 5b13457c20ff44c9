package realbroker

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// helperEnv makes a test binary play the part of the process that is killed.
const helperEnv = "REALBROKER_TEST_HELPER_LOG"

// TestNothingOutlivesTheTestProcess kills a test process, as go test does after
// its time-out, and looks for the process that it had started.
func TestNothingOutlivesTheTestProcess(t *testing.T) {
	if log := os.Getenv(helperEnv); log != "" {
		p, err := startProcess("sleep", exec.Command("sleep", "600"), log)
		require.NoError(t, err)
		_, err = os.Stdout.WriteString("child " + strconv.Itoa(p.cmd.Process.Pid) + "\n")
		require.NoError(t, err)
		<-p.done
		return
	}

	t.Parallel()
	helper := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	helper.Env = append(os.Environ(), helperEnv+"="+filepath.Join(t.TempDir(), "log"))
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "child "))
	require.NoError(t, err)
	require.True(t, alive(child))

	require.NoError(t, helper.Process.Kill())
	require.Error(t, helper.Wait())
	ctx, cancel := context.WithTimeout(t.Context(), eventually)
	defer cancel()
	err = poll(ctx, 10*time.Millisecond, func() (bool, error) { return !alive(child), nil })
	assert.NoError(t, err, "process %d is left", child)
}
