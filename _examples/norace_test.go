//go:build !race

package examples

// race are the flags that build examples as this test is built.
var race []string
