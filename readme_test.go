package rocketmq_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
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
	fields := fieldsOf(reflect.TypeFor[publisher.Config](), "")
	fields = slices.DeleteFunc(fields, func(name string) bool { return name == "Cluster" })
	for _, name := range append(fields, fieldsOf(reflect.TypeFor[rocketmq.Cluster](), "Cluster.")...) {
		row := "| `" + name + "` |"
		require.True(t, strings.Contains(string(readme), row), row)
	}
}

func fieldsOf(t reflect.Type, prefix string) (names []string) {
	for i := range t.NumField() {
		names = append(names, prefix+t.Field(i).Name)
	}
	return names
}
