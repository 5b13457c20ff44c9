package rocketmq_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/watermill-rocketmq/watermill-rocketmq"

var (
	gotModule = regexp.MustCompile(regexp.QuoteMeta("go get "+modulePath+"/") + `([a-z]+)`)
	released  = regexp.MustCompile(`(?m)^## \[?v?\d+\.\d+\.\d+`)
	// unreleased is what a go.mod requires that counts on its replace, which holds in this
	// repository and not for who gets the module.
	unreleased = regexp.MustCompile(`(?m)^(?:require )?\s*` + regexp.QuoteMeta(modulePath) + `(?:/[a-z/]+)? v0\.0\.0$`)
)

// TestModulesCanBeGot: once there is a release, each module in a folder that a document has
// users get requires a version of this one that exists.
func TestModulesCanBeGot(t *testing.T) {
	folders := make(map[string]bool)
	for _, document := range documents(t) {
		for _, m := range gotModule.FindAllStringSubmatch(readText(t, document), -1) {
			folders[m[1]] = true
		}
	}
	require.Equal(t, map[string]bool{"otel": true, "prometheus": true}, folders)
	for folder := range folders {
		text := readText(t, folder+"/go.mod")
		require.Contains(t, text, modulePath+" v")
		if released.MatchString(readText(t, "CHANGELOG.md")) {
			require.NotRegexp(t, unreleased, text, "%s: see the steps of a release in DEVELOPMENT.md", folder)
		}
	}
}

func TestReleased(t *testing.T) {
	require.NotRegexp(t, released, "# Changelog\n\n## Unreleased\n\nof v0.1.0\n")
	require.Regexp(t, released, "# Changelog\n\n## Unreleased\n\n## v0.1.0, 2026-12-01\n")
	require.Regexp(t, released, "## [0.1.0]\n")
	require.Regexp(t, unreleased, "require (\n\t"+modulePath+" v0.0.0\n)\n")
	require.Regexp(t, unreleased, "require "+modulePath+" v0.0.0\n")
	require.NotRegexp(t, unreleased, "require (\n\t"+modulePath+" v0.1.0\n)\nreplace "+modulePath+" => ../\n")
}
