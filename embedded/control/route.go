package control

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// apiPrefix begins the paths of JSON, with its version.
const apiPrefix = "/v1/"

func isAPI(path string) bool { return strings.HasPrefix(path, apiPrefix) }

// endpoint answers a call, or returns why not without having written anything.
type endpoint func(*call) error

// route is a path, and what its methods do. A part of the path in braces is any text.
type route struct {
	path    string
	methods map[string]endpoint
}

// find returns what answers a call, and notes what stands for parts in braces.
func find(routes []route, c *call) (endpoint, error) {
	parts := split(c.r.URL.EscapedPath())
	for _, r := range routes {
		args, ok := match(strings.Split(r.path, "/"), parts)
		if !ok {
			continue
		}
		method := c.r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if answer := r.methods[method]; answer != nil {
			c.args = args
			return answer, nil
		}
		allowed := slices.Sorted(maps.Keys(r.methods))
		c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return nil, refuse(http.StatusMethodNotAllowed, "%.32q is no method of this path: %s", c.r.Method, strings.Join(allowed, ", "))
	}
	return nil, refuse(http.StatusNotFound, "there is no such path")
}

// split takes a path apart. Names in it may have slashes, escaped as %2F.
func split(escaped string) []string {
	parts := strings.Split(escaped, "/")
	for i, part := range parts {
		parts[i], _ = url.PathUnescape(part) // what net/http has read is escaped as it should be
	}
	return parts
}

func match(pattern, parts []string) (args map[string]string, ok bool) {
	if len(pattern) != len(parts) {
		return nil, false
	}
	args = make(map[string]string)
	for i, p := range pattern {
		switch name, isArg := strings.CutPrefix(p, "{"); {
		case isArg && parts[i] != "":
			args[strings.TrimSuffix(name, "}")] = parts[i]
		case p != parts[i]:
			return nil, false
		}
	}
	return args, true
}
