package rocketmq_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	makeTarget = regexp.MustCompile(`(?m)^([a-z_-]+):`)
	// inBlock is a command in a block for the shell, inProse one in backticks.
	inBlock  = regexp.MustCompile(`(?m)^(?:[A-Z_]+=[^ \n]+ )*((?:make|go run|go test|go build) [^\n#]*)`)
	inProse  = regexp.MustCompile("`(?:[A-Z_]+=[^ `]+ )*((?:make|go run|go test|go build) [^`\n]*)`")
	goFolder = regexp.MustCompile(` (\.{1,2}/[^ ]*|\.)(?: |$)`)
	inFolder = regexp.MustCompile(` -C ([^ ]+)`)
	upFirst  = regexp.MustCompile(`(?m)^cd ([^ \n]+)$`)

	// runFlag is a flag behind go run, proseFlag one in backticks, and declaredFlag where a
	// program declares one.
	runCommand   = regexp.MustCompile("go run [^\n`#]*")
	runFlag      = regexp.MustCompile(` -([a-z][a-z-]*)`)
	proseFlag    = regexp.MustCompile("`-([a-z][a-z-]+)(?: [^`\n]*)?`")
	declaredFlag = regexp.MustCompile(`\.(?:Bool|Int|Int64|Uint|String|Duration|Float64|Func)(?:Var)?\((?:&[\w.]+, )?"([a-z-]+)"`)
)

// TestFlags: each flag of a program that a document names is one of a program of the
// repository.
func TestFlags(t *testing.T) {
	declared := make(map[string]bool)
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(file, ".go") {
			for _, m := range declaredFlag.FindAllStringSubmatch(readText(t, file), -1) {
				declared[m[1]] = true
			}
		}
		return err
	}))
	require.True(t, declared["nameserver"])
	for _, document := range documents(t) {
		text := readText(t, document)
		flags := proseFlag.FindAllStringSubmatch(proseOf(text), -1)
		for _, command := range runCommand.FindAllString(text, -1) {
			flags = append(flags, runFlag.FindAllStringSubmatch(command, -1)...)
		}
		for _, m := range flags {
			require.True(t, declared[m[1]], "%s names the flag -%s", document, m[1])
		}
	}
}

// TestCommands: each target of make that a document names is in the Makefile, and each
// package that it has go run or test is there.
func TestCommands(t *testing.T) {
	targets := make(map[string]bool)
	for _, m := range makeTarget.FindAllStringSubmatch(readText(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	for _, document := range documents(t) {
		if document == "CHANGELOG.md" || strings.HasPrefix(document, "docs/releases/") {
			continue // they tell of what was
		}
		text := readText(t, document)
		for _, m := range inProse.FindAllStringSubmatch(proseOf(text), -1) {
			requireCommand(t, targets, document, root, m[1])
		}
		for _, b := range blocksOf(text) {
			if b.language != "sh" {
				continue
			}
			folder := root
			if m := upFirst.FindStringSubmatch(b.text); m != nil {
				folder = m[1]
			}
			for _, m := range inBlock.FindAllStringSubmatch(b.text, -1) {
				requireCommand(t, targets, document, folder, m[1])
			}
		}
	}
}

// requireCommand requires that there is what a command that is given in a folder needs.
func requireCommand(t *testing.T, targets map[string]bool, document, folder, command string) {
	t.Helper()
	words, ok := strings.CutPrefix(command, "make ")
	if !ok {
		requirePackage(t, document, folder, command)
		return
	}
	for _, word := range strings.Fields(words) {
		if !strings.Contains(word, "=") {
			require.True(t, targets[word], "%s names %q", document, command)
		}
	}
}

// requirePackage requires that the folder is there that a go command names.
func requirePackage(t *testing.T, document, folder, command string) {
	t.Helper()
	if m := inFolder.FindStringSubmatch(command); m != nil {
		folder = m[1]
		command = strings.Replace(command, m[0], "", 1)
	}
	m := goFolder.FindStringSubmatch(command)
	if m == nil {
		return
	}
	pattern := filepath.Join(folder, strings.TrimSuffix(m[1], "/..."))
	info, err := os.Stat(pattern)
	require.NoError(t, err, "%s names %q", document, command)
	require.True(t, info.IsDir(), "%s names %q", document, command)
	if !strings.HasSuffix(m[1], "...") {
		files, err := filepath.Glob(filepath.Join(pattern, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "%s names %q", document, command)
	}
}
