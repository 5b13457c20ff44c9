// Package browsertest has the test of the page of an embedded cluster, in a browser.
package browsertest
