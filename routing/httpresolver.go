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

// maxResolverError is how much of its text, in bytes, an error of an HTTPResolver has:
// it may quote what the endpoint has answered.
const maxResolverError = 1 << 10

var (
	errInsecureRedirect = errors.New("redirect from https to http refused")
	errTooManyRedirects = errors.New("stopped after 10 redirects")
	errWithheld         = errors.New("the error's text has a secret of the URL in it and is withheld")
)

// HTTPResolver asks an HTTP endpoint for the name servers, as the Java client does
// that was given none (DefaultTopAddressing of 5.5.0): the first line of an answer
// with status 200 is the list, host:port;host:port. Make one with NewHTTPResolver.
//
// What the URL has beside scheme, host and path is taken for a secret: neither
// printing an HTTPResolver, nor what it is part of, nor an error shows it.
type HTTPResolver struct {
	// Client sends the requests. By default one without connections that stay
	// open between two requests, that heeds the proxy settings of the
	// environment, as http.DefaultClient does. Redirects from https to http are
	// refused, whatever its CheckRedirect says.
	Client *http.Client
	// Timeout bounds a request. DefaultHTTPTimeout by default.
	Timeout time.Duration

	// url returns the URL. Nothing that walks values looks into a func, whereas fmt
	// calls no method of a value in an unexported field, and prints it.
	url func() string
}

// NewHTTPResolver returns an HTTPResolver for the URL of the list, with http or https.
// The Java client's is
// http://<rocketmq.namesrv.domain>:8080/rocketmq/<rocketmq.namesrv.domain.subgroup>,
// by default http://jmenv.tbsite.net:8080/rocketmq/nsaddr; for a client with a unit
// name "-<unit>?nofix=1" is appended. User and password are sent as basic
// authentication; their special characters have to be escaped, as url.UserPassword
// does. Validate tells whether the URL will do.
func NewHTTPResolver(listURL string) HTTPResolver {
	return HTTPResolver{url: func() string { return listURL }}
}

// Validate reports a URL that nobody can ask.
func (r HTTPResolver) Validate() error {
	if _, err := r.parse(); err != nil {
		return err
	}
	if r.Timeout < 0 {
		return fmt.Errorf("HTTPResolver.Timeout is %v, want 0 or more", r.Timeout)
	}
	return nil
}

// parse reads the URL. The errors quote nothing of it, which may be any part of a
// password with a special character.
func (r HTTPResolver) parse() (*url.URL, error) {
	if r.url == nil {
		return nil, errors.New("HTTPResolver has no URL: make it with NewHTTPResolver")
	}
	text := r.url()
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("HTTPResolver: the URL cannot be read, want http://host:port/path, with special characters of a password escaped")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("HTTPResolver: the URL is none, want http://host:port/path or https://host:port/path")
	case u.User == nil && strings.Contains(text, "@"):
		return nil, errors.New("HTTPResolver: the URL has an @ behind the host, want it escaped as %40, and special characters of a password as well")
	}
	return u, nil
}

// String returns scheme, host and path of the URL.
func (r HTTPResolver) String() string {
	u, err := r.parse()
	if err != nil {
		return "HTTPResolver"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// Resolve sends one request.
func (r HTTPResolver) Resolve(ctx context.Context) ([]string, error) {
	u, err := r.parse()
	if err != nil {
		return nil, err
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = DefaultHTTPTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request := (&http.Request{Method: http.MethodGet, URL: u, Header: make(http.Header)}).WithContext(ctx)
	answer, err := r.client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", r, presentable(err, u))
	}
	defer answer.Body.Close() // nothing is left to be lost
	addrs, err := readAddrs(answer)
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", r, presentable(err, u))
	}
	return addrs, nil
}

// client returns the Client, which does not leave https once it is there, nor tells
// whom it is redirected to where it comes from.
func (r HTTPResolver) client() *http.Client {
	var own http.Client
	if r.Client != nil {
		own = *r.Client
	} else {
		own.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: maxDiscoverySize}
	}
	check := own.CheckRedirect
	own.CheckRedirect = func(next *http.Request, before []*http.Request) error {
		if before[len(before)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
			return errInsecureRedirect
		}
		next.Header.Del("Referer") // it has the query
		switch {
		case check != nil:
			return check(next, before)
		case len(before) >= 10: // what http.Client does by itself
			return errTooManyRedirects
		}
		return nil
	}
	return &own
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

// presentable returns err without the URL that package net/http puts around it. Its
// text is cut, and if an endpoint has quoted a secret of the URL, which it has got, err
// is replaced.
func presentable(err error, u *url.URL) error {
	for wrapped := (*url.Error)(nil); errors.As(err, &wrapped); {
		err = wrapped.Err
	}
	text := err.Error()
	password, _ := u.User.Password()
	for _, secret := range []string{password, u.RawQuery} {
		// A shorter one is no secret, and would be found everywhere.
		if len(secret) >= 4 && strings.Contains(text, secret) {
			return errWithheld
		}
	}
	if len(text) > maxResolverError {
		return &longError{text[:maxResolverError] + "...", err}
	}
	return err
}

// longError is an error with less text.
type longError struct {
	text string
	err  error
}

func (e *longError) Error() string { return e.text }

func (e *longError) Unwrap() error { return e.err }
