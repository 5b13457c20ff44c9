package rocketmq_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert/yaml"
	"github.com/stretchr/testify/require"
)

// workflow is what the test reads of a hosted workflow.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		RunsOn         string `yaml:"runs-on"`
		TimeoutMinutes int    `yaml:"timeout-minutes"`
		Steps          []struct {
			Uses, Run string
			With      map[string]string
		}
	}
}

// pinned is an action at a commit, with its version in a comment.
var pinned = regexp.MustCompile(`(?m)uses: ([\w./-]+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$`)

// TestWorkflow: hosted continuous integration runs .ci/run, whose file is there, with
// everything pinned, a time limit, and no right to write.
func TestWorkflow(t *testing.T) {
	text := readText(t, ".github/workflows/ci.yml")
	var w workflow
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	require.Equal(t, map[string]string{"contents": "read"}, w.Permissions)
	var commits []string
	for _, m := range pinned.FindAllStringSubmatch(text, -1) {
		commits = append(commits, m[1])
	}
	var runs []string
	versions := make(map[string]string)
	for name, job := range w.Jobs {
		require.Positive(t, job.TimeoutMinutes, name)
		require.NotContains(t, job.RunsOn, "latest", name)
		for _, step := range job.Steps {
			if step.Uses != "" {
				require.Contains(t, commits, step.Uses)
			}
			if name == "all" {
				runs = append(runs, step.Run)
				for _, key := range []string{"go-version", "java-version"} {
					if value := step.With[key]; value != "" {
						versions[key] = value
					}
				}
			}
		}
	}
	require.Contains(t, runs, "./.ci/run")
	info, err := os.Stat(".ci/run")
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100, "it can be run")
	require.Regexp(t, `^\d+\.\d+\.\d+$`, versions["go-version"])
	require.Regexp(t, `^\d+\.\d+\.\d+\+\d+$`, versions["java-version"])
	require.True(t, strings.Contains(readText(t, ".ci/run"), "make test\n"))
}

// TestTimeouts: what `make test` runs has a time limit of its own, but for what runs some
// tests by name. That of Go is 10 minutes, which real brokers on a busy machine do not keep.
func TestTimeouts(t *testing.T) {
	_, target, ok := strings.Cut(readText(t, "Makefile"), "\ntest:\n")
	require.True(t, ok)
	target, _, _ = strings.Cut(target, "\n\n")
	var found int
	for line := range strings.Lines(target) {
		if strings.HasPrefix(line, "\tgo test ") && !strings.Contains(line, " -run ") {
			found++
			require.Contains(t, line, " -timeout ")
		}
	}
	require.NotZero(t, found)
}
