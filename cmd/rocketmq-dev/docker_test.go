package main

import (
	"debug/elf"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const repository = "../.."

// image is what the test reads of the Dockerfile: the instructions of its last stage, and how
// the stage before it builds.
type image struct {
	build        []string          // RUN
	base         string            // FROM
	copied       map[string]string // in the image, to where it was built
	owners       map[string]string // of what was copied
	user         string
	volume       string
	exposed      []string
	entrypoint   []string
	goVersion    string
	instructions []string
}

func readImage(t *testing.T) (i image) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	require.NoError(t, err)
	i.copied, i.owners = make(map[string]string), make(map[string]string)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		require.False(t, strings.HasSuffix(line, `\`), "the test reads instructions of one line only")
		instruction, rest, _ := strings.Cut(line, " ")
		i.instructions = append(i.instructions, instruction)
		switch instruction {
		case "FROM":
			i.base = rest
			if version, ok := strings.CutPrefix(rest, "golang:"); ok {
				i.goVersion = strings.TrimSuffix(version, " AS build")
			}
		case "RUN":
			i.build = append(i.build, rest)
		case "COPY":
			words := strings.Fields(rest)
			if words[0] != "--from=build" {
				continue
			}
			to := words[len(words)-1]
			i.copied[to] = words[len(words)-2]
			if owner, ok := strings.CutPrefix(words[1], "--chown="); ok {
				i.owners[to] = owner
			}
		case "USER":
			i.user = rest
		case "VOLUME":
			i.volume = rest
		case "EXPOSE":
			i.exposed = strings.Fields(rest)
		case "ENTRYPOINT":
			require.NoError(t, json.Unmarshal([]byte(rest), &i.entrypoint))
		}
	}
	return i
}

// The image is the program and a folder for its user, it exposes the ports that the program
// listens on, and its flags are flags.
func TestDockerfile(t *testing.T) {
	i := readImage(t)
	require.Equal(t, "scratch", i.base)
	require.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, i.user, "a number, as there is no file with names")
	require.Contains(t, i.copied, i.entrypoint[0])
	require.Equal(t, i.user, i.owners[i.volume], "its user writes into the volume")
	require.Len(t, i.copied, 2)

	s, err := parse(i.entrypoint[1:], t.Output())
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	require.True(t, net.ParseIP(host).IsUnspecified(), "a container's loopback is its own")
	require.Equal(t, []string{port, itoa(s.brokerPort)}, i.exposed)
	_, err = parse(append(i.entrypoint[1:], "-data", i.volume), t.Output())
	require.NoError(t, err)

	for _, instruction := range i.instructions {
		require.Contains(t, []string{"FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT"}, instruction)
	}
	workflow, err := os.ReadFile(filepath.Join(repository, ".github", "workflows", "ci.yml"))
	require.NoError(t, err)
	require.Contains(t, string(workflow), "go-version: "+i.goVersion+"\n", "the version of Go is that of continuous integration")
}

// Commands in the comments of the Dockerfile and in documents give the image flags that it has,
// and publish ports that it exposes.
func TestDockerCommands(t *testing.T) {
	i := readImage(t)
	command := regexp.MustCompile(`(?m)docker run [^\n` + "`" + `]*?rocketmq-dev(?: ([^\n#` + "`" + `]+))?$`)
	published := regexp.MustCompile(`-p [0-9.:]*?([0-9]+)(?: |$)`)
	commands := 0
	for _, file := range []string{"Dockerfile", "docs/testing.md"} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		require.NoError(t, err)
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			commands++
			_, err := parse(append(i.entrypoint[1:], strings.Fields(m[1])...), t.Output())
			require.NoError(t, err, m[0])
			for _, p := range published.FindAllStringSubmatch(m[0], -1) {
				require.Contains(t, i.exposed, p[1], m[0])
			}
		}
	}
	require.GreaterOrEqual(t, commands, 2)
}

// What .dockerignore keeps out of the build is nothing that the program is made of.
func TestDockerIgnore(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, ".dockerignore"))
	require.NoError(t, err)
	const template = `{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}
{{end}}{{end}}{{end}}`
	list := exec.Command("go", "list", "-deps", "-f", template, "./cmd/rocketmq-dev")
	list.Dir = repository
	files, err := list.Output()
	require.NoError(t, err)
	root, err := filepath.Abs(repository)
	require.NoError(t, err)
	needed := []string{"go.mod", "go.sum"}
	for _, file := range strings.Fields(string(files)) {
		relative, err := filepath.Rel(root, file)
		require.NoError(t, err)
		needed = append(needed, filepath.ToSlash(relative))
	}
	require.Contains(t, needed, "cmd/rocketmq-dev/main.go")
	require.Contains(t, needed, "embedded/cluster.go")
	for pattern := range strings.FieldsSeq(string(text)) {
		name, anywhere := strings.CutPrefix(pattern, "**/")
		for _, file := range needed {
			elements := strings.Split(file, "/")
			if !anywhere {
				elements = elements[:1]
			}
			for _, element := range elements {
				matches, err := path.Match(name, element)
				require.NoError(t, err)
				require.False(t, matches, "%s keeps %s out", pattern, file)
			}
		}
	}
}

// buildImage builds what the Dockerfile copies into the image, and returns the folder that has
// it, as the image has it.
func buildImage(t *testing.T, i image) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the program")
	}
	root := t.TempDir()
	for to, from := range i.copied {
		at := slices.IndexFunc(i.build, func(run string) bool { return strings.Contains(run, from) })
		require.GreaterOrEqual(t, at, 0, from)
		run := strings.ReplaceAll(i.build[at], from, filepath.Join(root, path.Clean(to)))
		cmd := exec.Command("sh", "-c", run)
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "GOOS=linux")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", run, out)
	}
	return root
}

// The program needs nothing beside itself: no loader, no libraries.
func TestStaticBinary(t *testing.T) {
	i := readImage(t)
	root := buildImage(t, i)
	f, err := elf.Open(filepath.Join(root, i.entrypoint[0]))
	require.NoError(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		require.NotContains(t, []elf.ProgType{elf.PT_INTERP, elf.PT_DYNAMIC}, p.Type)
	}
	libraries, err := f.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
}
