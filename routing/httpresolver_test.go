package routing_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// endpoint answers every request with a status and a body.
func endpoint(t *testing.T, status int, body string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/rocketmq/nsaddr" {
			status = http.StatusTeapot
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

// The first line counts, as in DefaultTopAddressing of 5.5.0.
func TestHTTPResolver(t *testing.T) {
	for body, want := range map[string][]string{
		"a:9876":                            {"a:9876"},
		"a:9876;b:9876":                     {"a:9876", "b:9876"},
		"\n  a:9876 ; b:9876;\r\nc:9876\n":  {"a:9876", "b:9876"},
		"[::1]:9876;;127.0.0.1:9876\n# end": {"[::1]:9876", "127.0.0.1:9876"},
	} {
		got, err := routing.NewHTTPResolver(endpoint(t, 200, body).URL + "/rocketmq/nsaddr").Resolve(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestHTTPResolverFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		status     int
		body, text string
	}{
		"not found": {404, "a:9876", "status 404 Not Found, want 200"},
		"no body":   {200, "", "no address in it"},
		"no list":   {200, " ;; ", "no address in it"},
		"endless":   {200, strings.Repeat("a:9876;", 10_000), "more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			server := endpoint(t, tc.status, tc.body)
			_, err := routing.NewHTTPResolver(server.URL + "/rocketmq/nsaddr").Resolve(t.Context())
			require.ErrorContains(t, err, tc.text)
			require.ErrorContains(t, err, server.URL)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := endpoint(t, 200, "a:1")
		server.Close()
		_, err := routing.NewHTTPResolver(strings.Replace(server.URL, "//", "//user:secret@", 1)).Resolve(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("silent", func(t *testing.T) {
		over := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
		defer server.Close()
		defer close(over)
		_, err := impatient(routing.NewHTTPResolver(server.URL), 10*time.Millisecond).Resolve(t.Context())
		require.ErrorContains(t, err, "deadline exceeded")
	})
}

// impatient returns the resolver with another Timeout.
func impatient(r routing.HTTPResolver, timeout time.Duration) routing.HTTPResolver {
	r.Timeout = timeout
	return r
}

const (
	hiddenUser     = "5ecret-user"
	hiddenPassword = "5ecret-password"
	hiddenToken    = "5ecret-token"
)

// shown is v in all the ways in which values are printed.
func shown(v any) string {
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", v)
	}
	text, err := json.Marshal(v)
	fmt.Fprintf(&out, "%s %v %+v\n", text, err, err)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", v)
	return out.String()
}

// requireHidden reports what is shown of the secrets, in plain text or in hex.
func requireHidden(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{hiddenUser, hiddenPassword, hiddenToken} {
		require.NotContains(t, text, secret)
		require.NotContains(t, strings.ToLower(text), hex.EncodeToString([]byte(secret)))
		require.NotContains(t, text, strings.Trim(fmt.Sprint([]byte(secret)), "[]"), "as numbers")
	}
}

// However it is printed, by itself or within what it is part of, and whether or not
// the URL can be read: what is secret in the URL is not shown.
func TestHTTPResolverHidesItsSecrets(t *testing.T) {
	const userinfo = hiddenUser + ":" + hiddenPassword
	for _, u := range []string{
		"http://" + userinfo + "@127.0.0.1:1/list?token=" + hiddenToken + "#" + hiddenToken,
		"http://" + userinfo + "/x@host:80/",
		"http://" + userinfo + "?x@host:80/",
		"http://" + userinfo + "#x@host:80/",
		"http://" + userinfo + " x@host:80/",
		"http://" + userinfo + "%zz@host:80/",
		"http:" + userinfo + "@host:80/",
		"htp://" + userinfo + "@host/x",
		"ht tp://" + userinfo + "@host",
		userinfo + "@host",
		"http://" + hiddenUser + ":80/" + hiddenPassword + "@host:80/", // the port is part of the password
	} {
		r := routing.NewHTTPResolver(u)
		cfg := routing.Config{Resolver: r}
		type hidden struct {
			cfg      routing.Config
			resolver routing.HTTPResolver
			pointer  *routing.HTTPResolver
		}
		requireHidden(t, shown(r)+shown(&r)+shown(cfg)+shown(&cfg)+shown(hidden{cfg, r, &r}))
		err := r.Validate()
		requireHidden(t, shown(err))
		_, err = r.Resolve(t.Context())
		require.Error(t, err)
		for ; err != nil; err = errors.Unwrap(err) {
			requireHidden(t, shown(err))
		}
	}
	require.Equal(t, "http://host:8080/list", routing.NewHTTPResolver("http://user:5ecret@host:8080/list?token=x#y").String())
}

// A Table shows no more of it, nor do its errors.
func TestTableHidesTheResolversSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := routing.NewHTTPResolver("http://" + hiddenUser + ":" + hiddenPassword + "@directory/list?token=" + hiddenToken)
		r.Client = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })}
		table := newTable(t, &fakeServers{tb: t}, func(c *routing.Config) {
			from(r)(c)
			c.Events.ResolveFailed = func(err error) { requireHidden(t, shown(err)) }
		})
		_, err := table.Route(t.Context(), "t")
		require.ErrorContains(t, err, "ask http://directory/list: no network")
		synctest.Wait()
		requireHidden(t, shown(err)+shown(table)+shown(struct{ table *routing.Table }{table}))
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What an endpoint says reaches errors cut, and without what it knows of the URL.
func TestHTTPResolverErrorsAreBounded(t *testing.T) {
	for name, location := range map[string]string{
		"secret": "http://[" + hiddenPassword + "/",
		"long":   "http://[" + strings.Repeat("x", 1<<20) + "/",
	} {
		t.Run(name, func(t *testing.T) {
			r := routing.NewHTTPResolver("http://user:" + hiddenPassword + "@directory/list")
			r.Client = &http.Client{Transport: roundTrip(func(request *http.Request) (*http.Response, error) {
				return &http.Response{
					StatusCode: http.StatusFound, Header: http.Header{"Location": {location}}, Body: http.NoBody, Request: request,
				}, nil
			})}
			_, err := r.Resolve(t.Context())
			require.ErrorContains(t, err, "ask http://directory/list: ")
			require.Less(t, len(err.Error()), 2<<10)
			requireHidden(t, err.Error())
		})
	}
}

// A redirect must not lead out of https, where anybody may answer: not even for a
// Client that follows all others. Whom it leads to does not learn the query.
func TestHTTPResolverRedirects(t *testing.T) {
	for _, tc := range []struct{ from, to, err string }{
		{"http", "http", ""},
		{"http", "https", ""},
		{"https", "https", ""},
		{"https", "http", "redirect from https to http refused"},
	} {
		t.Run(tc.from+" to "+tc.to, func(t *testing.T) {
			for _, check := range []func(*http.Request, []*http.Request) error{nil, func(*http.Request, []*http.Request) error { return nil }} {
				r := routing.NewHTTPResolver(tc.from + "://directory/list?token=" + hiddenToken)
				r.Client = &http.Client{CheckRedirect: check, Transport: roundTrip(func(request *http.Request) (*http.Response, error) {
					if request.URL.Host == "directory" {
						return &http.Response{
							StatusCode: http.StatusFound, Header: http.Header{"Location": {tc.to + "://other/list"}}, Body: http.NoBody, Request: request,
						}, nil
					}
					require.Empty(t, request.Header.Get("Referer"))
					return &http.Response{
						StatusCode: http.StatusOK, Status: "200 OK", Body: io.NopCloser(strings.NewReader("a:9876")), Request: request,
					}, nil
				})}
				addrs, err := r.Resolve(t.Context())
				if tc.err != "" {
					require.ErrorContains(t, err, tc.err)
					require.Empty(t, addrs)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, []string{"a:9876"}, addrs)
			}
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		r := routing.NewHTTPResolver("http://directory/list")
		r.Client = &http.Client{Transport: roundTrip(func(request *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusFound, Header: http.Header{"Location": {"/list"}}, Body: http.NoBody, Request: request,
			}, nil
		})}
		_, err := r.Resolve(t.Context())
		require.ErrorContains(t, err, "stopped after 10 redirects")
	})
}
