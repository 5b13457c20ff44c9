package routing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// DefaultResolveInterval is how often the Java client asks its HTTP endpoint for
// the name servers (MQClientInstance.startScheduledTask of 5.5.0).
const DefaultResolveInterval = 2 * time.Minute

// Resolver finds the cluster's name servers where these are not known
// beforehand. A Table calls it once when it is made, then every
// Config.ResolveInterval, and when no name server gives a usable answer.
// HTTPResolver and DNSResolver are two.
//
// A Resolver that has a method Validate() error is asked by Config.Validate, and
// one that has a method String() string is called by that name in errors.
type Resolver interface {
	// Resolve returns the addresses of all name servers, in the form that
	// Config.NameServers has. The Table takes a copy. It is called by one
	// goroutine at a time, has 10 s at most, and must return
	// soon when ctx ends: Table.Close waits for it.
	//
	// After an error, an empty list, one of more than 1,024 entries, or one with an
	// entry that is no address, the Table goes on with the list it has.
	Resolve(ctx context.Context) ([]string, error)
}

// ResolverFunc is a function that is a Resolver.
type ResolverFunc func(ctx context.Context) ([]string, error)

// Resolve calls f.
func (f ResolverFunc) Resolve(ctx context.Context) ([]string, error) { return f(ctx) }

// ResolveError means that the Resolver brought no usable list of name servers.
type ResolveError struct{ Err error }

// Error carries the reason.
func (e *ResolveError) Error() string { return "cannot find the name servers: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *ResolveError) Unwrap() error { return e.Err }

// DNSResolver makes a name server of each address that a name has, and follows
// when these change. Names in Config.NameServers need no Resolver: they are looked
// up at each dial, and one of their addresses is used until its connection is
// lost. With DNSResolver all addresses count as name servers of their own, so that
// one that hangs is passed over, and one that the name no longer has is left.
//
// With TLS the name is not known to the connection: set the ServerName that the
// certificates have.
type DNSResolver struct {
	// Names are the names to look up, host:port each. At least one.
	Names []string
	// Lookup returns the addresses of a host, without port.
	// net.DefaultResolver.LookupHost by default.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Validate reports names that are not host:port.
func (r DNSResolver) Validate() error {
	if len(r.Names) == 0 {
		return errors.New("DNSResolver.Names is empty, want at least one host:port")
	}
	_, err := nameServerAddrs("DNSResolver.Names", r.Names)
	return err
}

// String lists the names.
func (r DNSResolver) String() string { return strings.Join(r.Names, ", ") }

// Resolve looks all names up. A name that cannot be looked up is passed over if
// another one can.
func (r DNSResolver) Resolve(ctx context.Context) ([]string, error) {
	lookup := r.Lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupHost
	}
	names, err := nameServerAddrs("DNSResolver.Names", r.Names)
	if err != nil {
		return nil, err
	}
	var addrs []string
	var faults []error
	for _, name := range names {
		host, port, err := net.SplitHostPort(name)
		if err != nil {
			return nil, err
		}
		found, err := lookup(ctx, host)
		if err != nil {
			faults = append(faults, err)
		}
		for _, address := range found {
			addrs = append(addrs, net.JoinHostPort(address, port))
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("no addresses of %v: %w", names, errors.Join(faults...))
	}
	slices.Sort(addrs)
	return slices.Compact(addrs), nil
}
