package realbroker

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// restartPackage is the program that RestartCommand runs.
const restartPackage = "github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker/restart"

// RestartCommand returns a command line that kills the broker (SIGKILL) and starts it
// again, on the same store and port, and ends when clients can use it. It is for
// Features.RestartServiceCommand of Watermill's pubsub/tests. The broker stays a child
// of this process; the command only asks for the restart, so it leaves no process and
// no open file behind. Several may run at once: one restart follows the other.
func (b *Broker) RestartCommand(t testing.TB) []string {
	t.Helper()
	program, err := b.cluster.restartProgram()
	if err != nil {
		t.Fatal(exported(err))
	}
	return []string{program, b.cluster.control.addr(), b.server.name}
}

// buildRestart builds the program into a folder.
func buildRestart(dir string) (path string, err error) {
	path = filepath.Join(dir, "restart.exe") // Windows wants a suffix
	if out, err := exec.Command("go", "build", "-o", path, restartPackage).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build %s: %w\n%s", restartPackage, err, out)
	}
	return path, nil
}
