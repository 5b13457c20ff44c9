package realbroker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// home is the folder that one Java program lives in: its settings, its store,
// its logs and its temporary files.
type home string

// newHome makes the folder with what every RocketMQ program expects in it.
func newHome(dir string) (home, error) {
	for _, sub := range []string{"conf", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	// 4.9 does not start without these. Empty ones log nothing; what matters is
	// also printed.
	for _, name := range []string{"namesrv", "broker", "tools"} {
		file := filepath.Join(dir, "conf", "logback_"+name+".xml")
		if err := os.WriteFile(file, []byte("<configuration/>\n"), 0o644); err != nil {
			return "", err
		}
	}
	return home(dir), nil
}

// java makes the command that runs a class, with JVM options and arguments.
func (h home) java(options []string, classPath, class string, args ...string) *exec.Cmd {
	all := append([]string{
		"-Drocketmq.home.dir=" + string(h),
		"-Duser.home=" + string(h),
		// Native libraries are unpacked there, and stay when the JVM is killed.
		"-Djava.io.tmpdir=" + filepath.Join(string(h), "tmp"),
		// Logback otherwise prints all that Netty has to say.
		"-Dlogback.configurationFile=" + filepath.Join(string(h), "conf", "logback_tools.xml"),
		"-XX:+UseSerialGC",
		// Statistics for jps in a shared folder.
		"-XX:-UsePerfData",
		"--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
		"--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
		"--add-opens=java.base/java.nio=ALL-UNNAMED",
		"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	}, options...)
	all = append(all, "-cp", classPath, class)
	cmd := exec.Command("java", append(all, args...)...)
	cmd.Dir = string(h)
	return cmd
}

// writeProps writes a file of Java properties and returns its path. Values are
// the caller's own, so the backslash is all there is to escape (in a path on
// Windows).
func (h home) writeProps(name string, lines []string) (string, error) {
	path := filepath.Join(string(h), name)
	text := strings.ReplaceAll(strings.Join(lines, "\n"), `\`, `\\`)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("cannot write %s: %w", name, err)
	}
	return path, nil
}
