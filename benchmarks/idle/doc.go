// Package idle measures what a connection costs the client that has carried
// requests, large ones too, and has nothing to do.
package idle
