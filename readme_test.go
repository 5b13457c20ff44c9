package layout_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// The program in the README is the one that is compiled with the examples.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("_examples/usage/main.go")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(readme), "```go\n"+string(program)+"```\n"))
}

func TestReadmeNamesEveryConfigField(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for i := range reflect.TypeFor[publisher.Config]().NumField() {
		row := "| `" + reflect.TypeFor[publisher.Config]().Field(i).Name + "` |"
		require.True(t, strings.Contains(string(readme), row), row)
	}
}
