// Package addresses says at which addresses servers are, and what clients are told of it.
package addresses

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Told is what clients are told of where a broker is.
type Told struct {
	// Addr is the address in routes, which clients dial.
	Addr string
	// Host is the address in messages and in their offset ids.
	Host netip.AddrPort
}

// nowhere is the host of a broker whose address is a name of a network in memory.
var nowhere = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// lookupPatience bounds the look for the address of a name.
const lookupPatience = 5 * time.Second

// Listening is what clients are told of a broker that listens at addr, unless they are to be
// told something else. Of all addresses of the machine that is loopback: a route with
// 0.0.0.0 leads nowhere.
func Listening(addr string) Told {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return Told{addr, nowhere}
	}
	host := at.Addr().Unmap()
	if host.IsUnspecified() {
		host = nowhere.Addr()
		addr = netip.AddrPortFrom(host, at.Port()).String()
	}
	return Told{addr, netip.AddrPortFrom(host, at.Port())}
}

// Advertised are the addresses that clients are told of brokers: none for those they listen
// at, one host for all of them (brokerIP1), or one for each, a host or a host and a port.
type Advertised []string

// Check says what is wrong with the addresses, for so many brokers.
func (a Advertised) Check(brokers int) error {
	var faults []error
	for _, addr := range a {
		if _, _, err := parse(addr); err != nil {
			faults = append(faults, err)
		}
	}
	switch {
	case len(a) == 0 || len(a) == brokers:
	case len(a) > 1:
		faults = append(faults, fmt.Errorf("%d advertised addresses for %d brokers", len(a), brokers))
	default:
		if _, port, _ := parse(a[0]); port != 0 {
			faults = append(faults, fmt.Errorf("advertised address %s for %d brokers, want one for each, or none with a port", a[0], brokers))
		}
	}
	for i, addr := range a {
		if _, port, _ := parse(addr); port != 0 && slices.Contains(a[:i], addr) {
			faults = append(faults, fmt.Errorf("advertised address %s for two brokers", addr))
		}
	}
	return errors.Join(faults...)
}

// Of returns what clients are told of the i-th broker, which listens at an address. The
// port is the one that it listens on, if none is given. A name has to have an address, as
// messages have it (BrokerController.getStoreHost of 5.5.0): of several the first of IPv4.
func (a Advertised) Of(i int, listening string) (Told, error) {
	told := Listening(listening)
	if len(a) == 0 {
		return told, nil
	}
	host, port, err := parse(a[min(i, len(a)-1)])
	if err != nil {
		return Told{}, err
	}
	if port == 0 {
		port = told.Host.Port()
	}
	ip, err := addressOf(host)
	if err != nil {
		return Told{}, err
	}
	return Told{
		Addr: net.JoinHostPort(host, strconv.Itoa(int(port))),
		Host: netip.AddrPortFrom(ip, port),
	}, nil
}

// hostName is what a name of a host is made of. It needs no escapes in JSON.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$`)

// parse takes an address apart: a host, which may be a bare IPv6 address, or a host and a
// port. The port is 0 if there is none.
func parse(addr string) (host string, port uint16, err error) {
	host = addr
	if ip, err := netip.ParseAddr(addr); err == nil {
		return addr, 0, checkIP(ip)
	}
	if h, p, err := net.SplitHostPort(addr); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, fmt.Errorf("advertised address %.100q: port %.10q, want 1 to 65535", addr, p)
		}
		host, port = h, uint16(n)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return host, port, checkIP(ip)
	}
	if !hostName.MatchString(host) {
		return "", 0, fmt.Errorf("advertised address %.100q is neither a host nor a host and a port", addr)
	}
	return host, port, nil
}

func checkIP(ip netip.Addr) error {
	if ip.IsUnspecified() {
		return fmt.Errorf("advertised address %s: nobody can dial it", ip)
	}
	if ip.Zone() != "" {
		return fmt.Errorf("advertised address %s: a zone means nothing to others", ip)
	}
	return nil
}

// addressOf returns the address of a host, which may be one already.
func addressOf(host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap(), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupPatience)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("advertised address: %w", err)
	}
	for i := range found {
		found[i] = found[i].Unmap().WithZone("")
	}
	if four := slices.IndexFunc(found, netip.Addr.Is4); four >= 0 {
		return found[four], nil
	}
	return found[0], nil
}
