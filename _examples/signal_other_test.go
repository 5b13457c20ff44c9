//go:build !unix

package examples

import "os"

var quit = os.Kill
