package child

import (
	"bufio"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func startShell(t *testing.T, ctx context.Context, script string) *Process {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	p, err := Start(ctx, "shell", exec.Command(shell, "-c", script))
	require.NoError(t, err)
	return p
}

func TestProcessEndsWithItsInput(t *testing.T) {
	p := startShell(t, context.Background(), "exec cat")
	_, err := p.In.Write([]byte("hello\n"))
	require.NoError(t, err)
	line, err := bufio.NewReader(p.Out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)
	require.NoError(t, p.ForgetPeak())
	peak, err := p.PeakMemory()
	require.NoError(t, err)
	require.NotZero(t, peak)
	require.NoError(t, p.Close())
}

func TestProcessEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p := startShell(t, ctx, "exec sleep 60")
	cancel()
	select {
	case <-p.done:
	case <-time.After(50 * time.Second): // less than it sleeps for
		t.Fatal("it is still running")
	}
	require.Error(t, p.Close())
}

func TestLostSaysWhatTheProcessSaid(t *testing.T) {
	p := startShell(t, context.Background(), "echo no such broker >&2; exit 3")
	_, err := bufio.NewReader(p.Out).ReadString('\n')
	require.ErrorContains(t, p.Lost(err), "no such broker")
	require.ErrorContains(t, p.Close(), "exit status 3")
}

func TestDialogue(t *testing.T) {
	d := NewDialogue(startShell(t, context.Background(), "exec cat"))
	for n := range 2 {
		require.NoError(t, d.Tell(n))
		got := -1
		require.NoError(t, d.Hear(&got, time.Minute))
		require.Equal(t, n, got)
	}
	require.NoError(t, d.Close())
}

// A process that does not answer in time is killed.
func TestDialogueWithoutAnAnswer(t *testing.T) {
	d := NewDialogue(startShell(t, context.Background(), "exec sleep 60"))
	require.ErrorContains(t, d.Hear(new(int), time.Millisecond), "killed")
	require.Error(t, d.Close())
}
