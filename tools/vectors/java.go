package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// java is a program that answers each line with a line.
type java struct {
	libs string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// startJava compiles the source in dir against the jars of the pom.xml there, and
// starts it.
func startJava(dir, source, class, work string) (*java, error) {
	libs := filepath.Join(work, filepath.Base(dir), "lib")
	classes := filepath.Join(work, filepath.Base(dir), "classes")
	if err := os.MkdirAll(classes, 0o755); err != nil {
		return nil, err
	}
	path := classes + string(filepath.ListSeparator) + filepath.Join(libs, "*")
	for _, args := range [][]string{
		{"mvn", "-q", "-B", "-f", filepath.Join(dir, "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory=" + libs},
		{"javac", "-nowarn", "-proc:none", "-encoding", "UTF-8", "-cp", path, "-d", classes, filepath.Join(dir, source)},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	// The libraries write their logs into the home folder.
	cmd := exec.Command("java", "-Duser.home="+work, "-cp", path, class)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &java{libs: libs, cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

// jar returns the name of a jar, which has the version.
func (j *java) jar(prefix string) string {
	found, err := filepath.Glob(filepath.Join(j.libs, prefix+"[0-9]*.jar"))
	if err != nil || len(found) != 1 {
		return "unknown"
	}
	return "org.apache.rocketmq:" + strings.TrimSuffix(filepath.Base(found[0]), ".jar")
}

// ask sends a command with its text in base64.
func (j *java) ask(command, base64Text string) (string, error) {
	if _, err := fmt.Fprintf(j.in, "%s %s\n", command, base64Text); err != nil {
		return "", err
	}
	line, err := j.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// stop ends the program, which ends with its input, and waits for it.
func (j *java) stop() {
	_ = j.in.Close()
	_ = j.cmd.Wait() // nothing is wanted of it any more
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// javaClient asks with one command of the remoting program.
type javaClient struct {
	*java
	command string
}

func (c javaClient) use(route string) error {
	_, err := c.ask("route", encoded(route))
	return err
}

func (c javaClient) pick(key string) (string, int, error) {
	return parsePick(c.ask(c.command, encoded(key)))
}

// grpcClient gives the gRPC client the route that the proxy makes of the name
// server's.
type grpcClient struct{ proxy, grpc *java }

func (c grpcClient) use(route string) error {
	answer, err := c.proxy.ask("route", encoded(route))
	if err != nil {
		return err
	}
	_, err = c.grpc.ask("route", answer)
	return err
}

func (c grpcClient) pick(key string) (string, int, error) {
	return parsePick(c.grpc.ask("grpc", encoded(key)))
}

// errNoKey means that a key is none to the client.
var errNoKey = errors.New("the key is none")

func parsePick(answer string, err error) (string, int, error) {
	if err != nil {
		return "", 0, err
	}
	if answer == "none" {
		return "", 0, errNoKey
	}
	broker, id, ok := strings.Cut(answer, " ")
	n, err := strconv.Atoi(id)
	if !ok || err != nil {
		return "", 0, fmt.Errorf("unexpected answer %q", answer)
	}
	return broker, n, nil
}
