// Package meter is what a consumer is asked to do, and what it did: which messages it
// has seen, how fast it acknowledged them, and what that cost it and the broker.
package meter
