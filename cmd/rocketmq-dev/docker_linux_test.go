package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// What the image has is enough to run as its user, and to keep messages in its volume: in
// a folder that the program has for its whole file system.
func TestImageRuns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a program another file system")
	}
	i := readImage(t)
	root := buildImage(t, i)
	var uid, gid int
	_, err := fmt.Sscanf(i.user, "%d:%d", &uid, &gid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(filepath.Join(root, i.volume), uid, gid))
	require.NoError(t, os.Chmod(filepath.Join(root, i.volume), 0o700))

	run := func() *process {
		args := append(append(i.entrypoint[1:len(i.entrypoint):len(i.entrypoint)], "-addr", "0.0.0.0:0", "-broker-port", "0"), "-data", i.volume)
		cmd := exec.Command(i.entrypoint[0], args...)
		cmd.Env = []string{} // no PATH, no HOME
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot:     root,
			Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		}
		return startCommand(t, cmd)
	}
	p := run()
	roundTrip(t, clusterAt(p.nameServer), "orders")
	require.Equal(t, exitOK, p.end(t, syscall.SIGTERM), "%s", p.log)
	require.FileExists(t, filepath.Join(root, i.volume, "commitlog", "00000000000000000000"))
	p = run()
	require.NoError(t, newPublisher(t, clusterAt(p.nameServer)).Publish("orders", message.NewMessage("2", nil)))
	require.Equal(t, exitOK, p.end(t, syscall.SIGTERM), "%s", p.log)
}
