package control

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// setHeaders sets the headers of all answers. Nothing of what is shown may become part of
// another page, be taken for another type than it says, or run.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// guard refuses what pages of other origins make a browser ask for.
type guard struct {
	hosts map[string]bool
	cross *http.CrossOriginProtection
}

func newGuard(hosts []string) guard {
	g := guard{hosts: map[string]bool{"localhost": true}, cross: http.NewCrossOriginProtection()}
	for _, host := range hosts {
		g.hosts[hostName(host)] = true
	}
	return g
}

// check returns why a request is refused, nil if it is not.
func (g *guard) check(r *http.Request) error {
	if !g.knows(r.Host) {
		return refuse(http.StatusForbidden, "%.256q is no name of this server: add it to Hosts of control.Config, or by -http-host of rocketmq-dev", r.Host)
	}
	if err := g.cross.Check(r); err != nil {
		return refuse(http.StatusForbidden, "a page of another origin asks for this: %v", err)
	}
	// Reading is safe by the browser's rules, but what is read here is nobody else's. That a
	// link leads to the page is all right.
	site, navigation := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Mode") == "navigate"
	if (site == "cross-site" || site == "same-site") && (!navigation || isAPI(r.URL.Path)) {
		return refuse(http.StatusForbidden, "a page of another origin asks for this")
	}
	return nil
}

// knows reports whether a Host header names this machine.
func (g *guard) knows(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = hostName(name)
	if g.hosts[name] {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}

// hostName is the one text for all ways to write a host without a port: IPv6 addresses
// have many, with and without brackets.
func hostName(host string) string {
	name := strings.ToLower(host)
	if inner, ok := strings.CutPrefix(name, "["); ok && strings.HasSuffix(inner, "]") {
		name = strings.TrimSuffix(inner, "]")
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().String()
	}
	return name
}
