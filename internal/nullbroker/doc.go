// Package nullbroker is a name server and broker in one that answers every send
// at once and stores nothing but the count: what is measured against it is the
// client alone.
package nullbroker
