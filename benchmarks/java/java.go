package java

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// The classes, each in the file of its name.
const (
	// Peer publishes.
	Peer = "Peer"
	// Consumer consumes.
	Consumer = "Consumer"
)

//go:embed *.java
var sources embed.FS

// Class is a compiled candidate.
type Class struct {
	name      string
	dir       string
	classPath string
}

// Compile compiles a class into the folder, which also takes the client's logs, with the
// Java client of a RocketMQ version.
func Compile(ctx context.Context, class, dir, version string) (*Class, error) {
	lib, err := realbroker.ClassPath(ctx, version)
	if err != nil {
		return nil, err
	}
	file := class + ".java"
	source, err := sources.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("java: %w", err)
	}
	for name, content := range map[string][]byte{file: source, "logback.xml": []byte("<configuration/>\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return nil, fmt.Errorf("java: %w", err)
		}
	}
	p := &Class{name: class, dir: dir, classPath: strings.Join([]string{dir, lib}, string(filepath.ListSeparator))}
	out, err := exec.CommandContext(ctx, "javac", "-nowarn", "-proc:none", "-encoding", "UTF-8",
		"-cp", p.classPath, "-d", dir, filepath.Join(dir, file)).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("java: javac: %w\n%s", err, out)
	}
	return p, nil
}

// Command runs a kind of the candidate, with the JVM's defaults but for a bound on the heap.
func (p *Class) Command(kind, nameServer string) *exec.Cmd {
	return exec.Command("java",
		"-Xmx2g",
		"-Duser.home="+p.dir,
		"-Djava.io.tmpdir="+p.dir,
		"-Dlogback.configurationFile="+filepath.Join(p.dir, "logback.xml"),
		"-Drocketmq.client.logLevel=ERROR",
		"-cp", p.classPath, p.name, kind, nameServer)
}

// Version is the first line of what java says of itself.
func Version(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return "none"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
