package realbroker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// witnessPatience bounds one command. Commands that wait have shorter bounds of
// their own, and calls that of witness/Patience.java.
const witnessPatience = 15 * time.Minute

// buildPatience bounds the compilation of the witness. One lock is for all that is made in
// the cache, and another package may be fetching the jars of a version with it.
const buildPatience = 20 * time.Minute

//go:embed witness/*.java
var witnessSource embed.FS

// Witness tells what the official Java client sees behind a list of name
// servers: a [Cluster], or any other servers that speak RocketMQ's protocol. It
// runs one Java process, started by the first command, and one command at a
// time. Every method ends the test when it fails.
type Witness struct {
	jars        jars
	nameServers []string
	dir         string
	// user signs the requests; nil if they are not signed.
	user *User

	mu      sync.Mutex
	session *session // nil before the first command and after a lost one
	closed  bool
	// consumers counts the calls of Consume.
	consumers atomic.Int64
}

// WitnessFor returns a witness with the Java client of a RocketMQ version, for
// servers that this package did not start. It ends with the test. The test is
// skipped where that is impossible, see [Require].
func WitnessFor(t testing.TB, version string, nameServers []string) *Witness {
	t.Helper()
	Require(t)
	cfg := Config{Version: version}
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	j, err := openJars(t.Context(), version)
	if err != nil {
		t.Fatal(exported(err))
	}
	w := newWitness(j, nameServers, t.TempDir())
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(exported(err))
		}
	})
	return w
}

// SignAs makes the Java client sign its requests. It is for before the first
// command.
func (w *Witness) SignAs(u User) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.user = &u
}

func newWitness(j jars, nameServers []string, dir string) *Witness {
	return &Witness{jars: j, nameServers: nameServers, dir: dir}
}

// Run runs a command of witness/Witness.java, where they are described, and
// returns what it prints: one JSON object a line.
func (w *Witness) Run(t testing.TB, args ...string) []byte {
	t.Helper()
	return w.runInput(t, nil, args...)
}

// runInput is Run for the commands that want input.
func (w *Witness) runInput(t testing.TB, input [][]byte, args ...string) []byte {
	t.Helper()
	out, err := w.call(args, input)
	if err != nil {
		t.Fatal(exported(err))
	}
	return out
}

func (w *Witness) call(args []string, input [][]byte) ([]byte, error) {
	request, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	request = append(request, '\n')
	if input != nil {
		for _, line := range input {
			request = base64.StdEncoding.AppendEncode(request, line)
			request = append(request, '\n')
		}
		request = append(request, ".\n"...)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errors.New("the witness is closed")
	}
	if w.session == nil {
		if w.session, err = w.newSession(); err != nil {
			return nil, err
		}
	}
	out, err := w.session.exchange(request)
	if err != nil {
		err = errors.Join(fmt.Errorf("lost the witness during %q: %w%s", args, err, w.session.process.logTail()), w.session.close())
		w.session = nil
		return nil, err
	}
	if message, found := failure(out); found {
		return nil, fmt.Errorf("witness: %s", message)
	}
	return out, nil
}

// failure looks for the line that a failed command ends with.
func failure(out []byte) (string, bool) {
	last := out[bytes.LastIndexByte(bytes.TrimSuffix(out, []byte("\n")), '\n')+1:]
	var line struct{ Error *string }
	if json.Unmarshal(last, &line) != nil || line.Error == nil {
		return "", false
	}
	return *line.Error, true
}

// newSession compiles the witness, unless the cache has it, and starts it.
func (w *Witness) newSession() (*session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildPatience)
	defer cancel()
	source, err := witnessFiles()
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(source)) {
		hash.Write(source[name])
	}
	classes := filepath.Join(w.jars.dir, fmt.Sprintf("witness-%x", hash.Sum(nil))[:24])
	if err := buildOnce(ctx, classes, func(dir string) error { return w.compile(ctx, dir, source) }); err != nil {
		return nil, fmt.Errorf("cannot compile the witness: %w", err)
	}
	h, err := newHome(w.dir)
	if err != nil {
		return nil, err
	}
	options := []string{"-Xmx512m", "-XX:TieredStopAtLevel=1"}
	if w.user != nil {
		options = append(options, "-Dwitness.accessKey="+w.user.Name, "-Dwitness.secretKey="+w.user.Secret)
	}
	cmd := h.java(options, w.jars.classPath(classes), "Witness", "-n", strings.Join(w.nameServers, ";"), "serve")
	return startSession("witness", cmd, filepath.Join(w.dir, "witness.log"))
}

// witnessFiles are the source files of the witness by name.
func witnessFiles() (map[string][]byte, error) {
	entries, err := witnessSource.ReadDir("witness")
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, entry := range entries {
		if files[entry.Name()], err = witnessSource.ReadFile("witness/" + entry.Name()); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (w *Witness) compile(ctx context.Context, dir string, source map[string][]byte) error {
	args := []string{"-nowarn", "-proc:none", "-encoding", "UTF-8", "-cp", w.jars.classPath(), "-d", dir}
	for name, text := range source {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		args = append(args, file)
	}
	cmd := exec.Command("javac", args...)
	return runToEnd(ctx, "javac", cmd, filepath.Join(dir, "javac.log"))
}

func (w *Witness) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.session == nil {
		return nil
	}
	err := w.session.close()
	w.session = nil
	return err
}

// logTail is the end of the log of the running witness, as a paragraph for an error message.
func (w *Witness) logTail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session == nil {
		return ""
	}
	return w.session.process.logTail()
}
