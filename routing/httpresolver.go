package routing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultHTTPTimeout is the Java client's (DefaultTopAddressing.fetchNSAddr of
// 5.5.0).
const DefaultHTTPTimeout = 3 * time.Second

// maxDiscoverySize bounds the answer of an HTTP endpoint: over two thousand name
// servers.
const maxDiscoverySize = 64 << 10

// HTTPResolver asks an HTTP endpoint for the name servers, as the Java client does
// that was given none (DefaultTopAddressing of 5.5.0): the first line of an answer
// with status 200 is the list, host:port;host:port.
type HTTPResolver struct {
	// URL of the list, with http or https. The Java client's is
	// http://<rocketmq.namesrv.domain>:8080/rocketmq/<rocketmq.namesrv.domain.subgroup>,
	// by default http://jmenv.tbsite.net:8080/rocketmq/nsaddr; for a client with
	// a unit name "-<unit>?nofix=1" is appended.
	URL string
	// Client sends the requests. By default one without connections that stay
	// open between two requests, that heeds the proxy settings of the
	// environment, as http.DefaultClient does.
	Client *http.Client
	// Timeout bounds a request. DefaultHTTPTimeout by default.
	Timeout time.Duration
}

// Validate reports a URL that nobody can ask.
func (r HTTPResolver) Validate() error {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return fmt.Errorf("HTTPResolver.URL: %w", withoutURL(err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("HTTPResolver.URL is %q, want http://host:port/path", u.Redacted())
	case r.Timeout < 0:
		return fmt.Errorf("HTTPResolver.Timeout is %v, want 0 or more", r.Timeout)
	}
	return nil
}

// String returns the URL, without a password that it has.
func (r HTTPResolver) String() string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return "HTTPResolver"
	}
	return u.Redacted()
}

// GoString is String: no verb of fmt shows the password.
func (r HTTPResolver) GoString() string { return r.String() }

// Resolve sends one request. Its errors do not show a password that the URL has.
func (r HTTPResolver) Resolve(ctx context.Context) ([]string, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = DefaultHTTPTimeout
	}
	client := r.Client
	if client == nil {
		client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("HTTPResolver.URL: %w", withoutURL(err))
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", request.URL.Redacted(), withoutURL(err))
	}
	defer answer.Body.Close() // nothing is left to be lost
	addrs, err := readAddrs(answer)
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", request.URL.Redacted(), err)
	}
	return addrs, nil
}

func readAddrs(answer *http.Response) ([]string, error) {
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s, want 200", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDiscoverySize+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxDiscoverySize {
		return nil, fmt.Errorf("more than %d bytes", maxDiscoverySize)
	}
	line := strings.TrimSpace(string(body))
	if end := strings.IndexAny(line, "\r\n"); end >= 0 {
		line = line[:end]
	}
	var addrs []string
	for entry := range strings.SplitSeq(line, ";") {
		if entry = strings.TrimSpace(entry); entry != "" {
			addrs = append(addrs, entry)
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("no address in it")
	}
	return addrs, nil
}

// withoutURL takes the URL out of an error, which may have a password in it.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
