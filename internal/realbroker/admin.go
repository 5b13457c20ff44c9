package realbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// adminPatience bounds one run of mqadmin.
const adminPatience = 4 * time.Minute

// Admin runs a command of RocketMQ's mqadmin, such as "topicStatus", "-t", name,
// with the name servers of the cluster added, and returns what it prints. The
// test ends when the command fails.
func (c *Cluster) Admin(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.admin(args)
	if err != nil {
		t.Fatal(exported(err))
	}
	return out
}

// admin runs the command again when it has waited for an answer in vain: mqadmin
// gives the servers five seconds for all, three for a connection, and some of them go
// into loading classes.
func (c *Cluster) admin(args []string) (string, error) {
	const attempts = 5
	for range attempts - 1 {
		if out, err := c.adminOnce(args); !errors.Is(err, errAdminTimeout) {
			return out, err
		}
	}
	return c.adminOnce(args)
}

// errAdminTimeout says that mqadmin got no answer in time.
var errAdminTimeout = errors.New("no answer in time")

func (c *Cluster) adminOnce(args []string) (string, error) {
	dir, err := os.MkdirTemp(c.dir, "mqadmin-*")
	if err != nil {
		return "", err
	}
	h, err := newHome(dir)
	if err != nil {
		return "", err
	}
	if err := h.writeTools(&c.cfg); err != nil {
		return "", err
	}
	outPath, logPath := filepath.Join(dir, "out"), filepath.Join(dir, "log")
	out, err := os.Create(outPath)
	if err != nil {
		return "", err
	}
	defer out.Close()

	args = append(slices.Clone(args), "-n", strings.Join(c.NameServers(), ";"))
	cmd := h.java([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1"},
		c.jars.classPath(), "org.apache.rocketmq.tools.command.MQAdminStartup", args...)
	cmd.Stdout = out
	ctx, cancel := context.WithTimeout(context.Background(), adminPatience)
	defer cancel()
	if err := runToEnd(ctx, "mqadmin "+args[0], cmd, logPath); err != nil {
		return "", err
	}
	log, err := os.ReadFile(logPath)
	if err != nil {
		return "", err
	}
	// It ends with code 0 even then.
	for _, sign := range []string{"RemotingTimeoutException", "RemotingConnectException", "RemotingSendRequestException"} {
		if bytes.Contains(log, []byte(sign)) {
			return "", fmt.Errorf("mqadmin %v failed: %w:\n%s", args, errAdminTimeout, log)
		}
	}
	if bytes.Contains(log, []byte("Exception")) {
		return "", fmt.Errorf("mqadmin %v failed:\n%s", args, log)
	}
	text, err := os.ReadFile(outPath)
	return string(text), err
}
