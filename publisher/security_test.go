package publisher_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// The users of secured worlds, by names that ACL 1.0 takes. Both may publish to
// allowed, and nobody to forbidden.
const (
	allowed, forbidden = "allowed", "forbidden"
	alice, aliceSecret = "alice-in", "alice's secret"
	bobby, bobbySecret = "bobby-in", "bobby's secret"
	// switchedOff is a user of ACL 2.0 alone.
	switchedOff = "switched-off"
)

// securedWorld is a cluster whose brokers want signed requests, and whose servers
// want certificates of those who speak TLS with them.
type securedWorld struct {
	*world
	// authority has signed the servers' certificate and trusts the client's.
	authority *testcert.Authority
	// acl2 says that the version has authentication and authorization.
	acl2 bool
	// noBatchCheck: a batch needs no permission on its topic.
	noBatchCheck bool
}

// publisher returns a publisher of that user, who may be empty.
func (w *securedWorld) publisher(t testing.TB, credentials rocketmq.CredentialsProvider, change func(*publisher.Config)) *publisher.Publisher {
	t.Helper()
	return publisherIn(t, w.world, func(c *publisher.Config) {
		c.Cluster.Credentials = credentials
		if change != nil {
			change(c)
		}
	})
}

func issue(t testing.TB, a *testcert.Authority, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	c, err := a.Issue(changes...)
	require.NoError(t, err)
	return c
}

func newAuthority(t testing.TB) *testcert.Authority {
	t.Helper()
	a, err := testcert.NewAuthority()
	require.NoError(t, err)
	return a
}

// inSecuredWorlds runs a test on embedded and real brokers of ACL 1.0 as 4.9 has
// it, ACL 1.0 as 5.1 has it, and ACL 2.0.
func inSecuredWorlds(t *testing.T, test func(t *testing.T, w *securedWorld)) {
	for _, v := range []struct {
		name               string
		version            headers.Version
		acl2, noBatchCheck bool
	}{
		{"5.5.0", headers.Version5_5_0, true, false},
		{"5.1.4", 441, false, false},
		{"4.9.7", headers.Version4_9_7, false, true},
	} {
		authority := newAuthority(t)
		t.Run("embedded "+v.name, func(t *testing.T) {
			users := []embedded.User{
				{AccessKey: alice, SecretKey: aliceSecret, Publish: []string{allowed}},
				{AccessKey: bobby, SecretKey: bobbySecret, Publish: []string{allowed}},
			}
			if v.acl2 {
				users = append(users, embedded.User{AccessKey: switchedOff, SecretKey: aliceSecret, Disabled: true})
			}
			w := embeddedWorld(t, embedded.WithVersion(v.version), embedded.WithACL(users...), embedded.WithTLS(&tls.Config{
				Certificates: []tls.Certificate{issue(t, authority)},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
			}))
			test(t, &securedWorld{w, authority, v.acl2, v.noBatchCheck})
		})
		t.Run("real "+v.name, func(t *testing.T) {
			realbroker.RequireVersion(t, v.name)
			users := []realbroker.User{
				{Name: alice, Secret: aliceSecret, Publish: []string{allowed}},
				{Name: bobby, Secret: bobbySecret, Publish: []string{allowed}},
			}
			if v.acl2 {
				users = append(users, realbroker.User{Name: switchedOff, Secret: aliceSecret, Disabled: true})
			}
			dir := t.TempDir()
			var servers realbroker.TLS
			var err error
			servers.CertFile, servers.KeyFile, err = testcert.Write(dir, "server", issue(t, authority))
			require.NoError(t, err)
			servers.ClientCAFile, err = testcert.WriteAuthority(dir, authority)
			require.NoError(t, err)
			cluster := realbroker.Start(t, realbroker.Config{
				Version: v.name, ACL: &realbroker.ACL{Users: users}, TLS: &servers,
			})
			test(t, &securedWorld{realWorld(t, cluster), authority, v.acl2, v.noBatchCheck})
		})
	}
}

func TestSecurity(t *testing.T) {
	inSecuredWorlds(t, func(t *testing.T, w *securedWorld) {
		w.createTopic(t, allowed, 1)
		w.createTopic(t, forbidden, 1)
		t.Run("signed", func(t *testing.T) { storesWhatIsSigned(t, w) })
		t.Run("heartbeat", func(t *testing.T) { signsHeartbeats(t, w) })
		t.Run("refused", func(t *testing.T) { tellsRefusalsApart(t, w) })
		t.Run("batch without permission", func(t *testing.T) { judgesBatches(t, w) })
		t.Run("rotation", func(t *testing.T) { rotatesKeys(t, w) })
		t.Run("transactions", func(t *testing.T) { settlesTransactions(t, w) })
		t.Run("TLS", func(t *testing.T) { speaksTLS(t, w) })
	})
}

// storesWhatIsSigned: of whatever form the request is, the broker finds the
// signature that it computes itself.
func storesWhatIsSigned(t *testing.T, w *securedWorld) {
	token := rocketmq.NewCredentials(bobby, bobbySecret)
	token.SecurityToken = rocketmq.NewSecret("a token")
	var sent []*message.Message
	for _, format := range []rocketmq.HeaderFormat{rocketmq.BinaryHeaders, rocketmq.JSONHeaders} {
		for _, credentials := range []rocketmq.Credentials{rocketmq.NewCredentials(alice, aliceSecret), token} {
			p := w.publisher(t, credentials, func(c *publisher.Config) { c.Cluster.Headers = format })
			odd := newMessage("body with \"quotes\"")
			odd.Metadata.Set("ключ", "v\té\u2028\U0001F600")
			large := newMessage(strings.Repeat("compressible ", 1000))
			batch := newMessages(5)
			require.NoError(t, p.Publish(allowed, odd))
			require.NoError(t, p.Publish(allowed, large))
			require.NoError(t, p.Publish(allowed, batch...))
			sent = append(append(sent, odd, large), batch...)
		}
	}
	got := w.read(t, allowed, len(sent))
	for i, msg := range sent {
		requireSameMessage(t, msg, unmarshal(t, got[i]))
	}
}

// signsHeartbeats: the broker takes the producer's heartbeat and its goodbye, as
// it does from nobody unsigned, and knows the producer by the one.
func signsHeartbeats(t *testing.T, w *securedWorld) {
	group := newTopic(t, "group")
	var tap answerTap
	p, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			NameServers: w.nameServers, Dial: tap.dialer(w.dial), DialTimeout: time.Minute,
			Credentials: rocketmq.NewCredentials(alice, aliceSecret),
		},
		ProducerGroup: group, SendTimeout: time.Minute, AttemptTimeout: time.Minute,
	}, nil)
	require.NoError(t, err)
	require.NoError(t, p.Publish(allowed, newMessage("x")))
	members := func() []string {
		if w.real != nil {
			return w.real.Producers(t, group)
		}
		return w.embedded.Broker(0).Producers(group)
	}
	require.Eventually(t, func() bool { return len(members()) == 1 }, patience, 10*time.Millisecond)
	require.NoError(t, p.Close())
	require.Eventually(t, func() bool { return len(members()) == 0 }, patience, 10*time.Millisecond)
	answers := tap.answers(t)
	require.GreaterOrEqual(t, len(answers), 4, "to lookup, heartbeat, send and goodbye")
	for _, a := range answers {
		require.NoError(t, a.Err())
	}
}

// answerTap keeps what servers answer on the connections that it dials.
type answerTap struct {
	mu    sync.Mutex
	conns []*tappedConn
}

// tappedConn is a connection whose bytes from the server are kept.
type tappedConn struct {
	net.Conn
	tap  *answerTap
	read []byte // guarded by the tap's mutex
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.read = append(c.read, b[:n]...)
	return n, err
}

func (a *answerTap) dialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := &tappedConn{Conn: nc, tap: a}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.conns = append(a.conns, c)
		return c, nil
	}
}

// answers returns the answers of all connections.
func (a *answerTap) answers(t testing.TB) []headers.Command {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []headers.Command
	for _, c := range a.conns {
		for rest := c.read; len(rest) > 0; {
			size, err := headers.FrameSize([headers.FrameLengthSize]byte(rest), headers.MaxFrameSize)
			require.NoError(t, err)
			command, err := headers.ParseFrame(rest[headers.FrameLengthSize:][:size])
			require.NoError(t, err)
			all, rest = append(all, command), rest[headers.FrameLengthSize+size:]
		}
	}
	return all
}

// tellsRefusalsApart: each cause has its error, at the first attempt.
func tellsRefusalsApart(t *testing.T, w *securedWorld) {
	cases := []struct {
		name        string
		credentials rocketmq.CredentialsProvider
		topic       string
		reason      rocketmq.AuthenticationReason // empty: no permission
	}{
		{"none", nil, allowed, rocketmq.MissingCredentials},
		{"unknown user", rocketmq.NewCredentials("somebody", aliceSecret), allowed, rocketmq.UnknownUser},
		{"wrong secret", rocketmq.NewCredentials(alice, bobbySecret), allowed, rocketmq.WrongSignature},
		{"no permission", rocketmq.NewCredentials(alice, aliceSecret), forbidden, ""},
	}
	if w.acl2 {
		cases = append(cases, cases[0])
		last := &cases[len(cases)-1]
		last.name, last.credentials = "disabled", rocketmq.NewCredentials(switchedOff, aliceSecret)
		last.reason = rocketmq.DisabledUser
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := failureOf(t, w.publisher(t, c.credentials, nil).Publish(c.topic, newMessage("x")))
			t.Log(e)
			require.Equal(t, publisher.NotSent, e.Outcome())
			requireOneAttempt(t, e.Results[0])
			var access *rocketmq.AccessError
			require.ErrorAs(t, e, &access)
			var status *headers.StatusError
			require.ErrorAs(t, access, &status)
			require.Equal(t, w.acl2, status.Code == headers.NoPermission)
			require.Equal(t, !w.acl2, status.Code == headers.SystemError)
			var authentication *rocketmq.AuthenticationError
			var permission *rocketmq.PermissionError
			require.Equal(t, c.reason == "", errors.As(e, &permission))
			require.Equal(t, c.reason != "", errors.As(e, &authentication))
			if c.reason != "" {
				require.Equal(t, c.reason, authentication.Reason)
			}
			require.NotContains(t, e.Error(), aliceSecret)
			require.NotContains(t, e.Error(), bobbySecret)
		})
	}
	w.read(t, forbidden, 0)
}

// judgesBatches: what goes for a message goes for a batch, but with 4.9, whose
// access control does not know the request SEND_BATCH_MESSAGE.
func judgesBatches(t *testing.T, w *securedWorld) {
	p := w.publisher(t, rocketmq.NewCredentials(alice, aliceSecret), nil)
	err := p.Publish(forbidden, newMessages(3)...)
	if w.noBatchCheck {
		require.NoError(t, err)
		w.read(t, forbidden, 3)
		return
	}
	e := failureOf(t, err)
	var permission *rocketmq.PermissionError
	for _, r := range e.Results {
		require.ErrorAs(t, r.Err, &permission)
		require.Equal(t, publisher.NotSent, r.Outcome)
		requireOneAttempt(t, r)
	}
	w.read(t, forbidden, 0)
}

// rotatesKeys: a message whose signature is refused has failed, the next is
// signed anew, all on the connections that are there. A busy machine may lose one of them,
// as a heartbeat has three seconds, and not time after time.
func rotatesKeys(t *testing.T, w *securedWorld) {
	for try := 1; !keepsConnections(t, w); try++ {
		require.Less(t, try, 3, "a connection was made anew")
	}
}

// keepsConnections reports whether keys were rotated on the connections that there were.
func keepsConnections(t *testing.T, w *securedWorld) bool {
	var current atomic.Pointer[rocketmq.Credentials]
	use := func(accessKey, secretKey string) {
		c := rocketmq.NewCredentials(accessKey, secretKey)
		current.Store(&c)
	}
	use(alice, aliceSecret)
	var dials atomic.Int32
	p := w.publisher(t, rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
		return *current.Load(), nil
	}), func(c *publisher.Config) {
		dial := c.Cluster.Dial
		if dial == nil {
			dial = new(net.Dialer).DialContext
		}
		c.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return dial(ctx, network, addr)
		}
	})
	before := count(t, w)
	require.NoError(t, p.Publish(allowed, newMessage("1")))
	connected := dials.Load()
	use(alice, "yesterday's secret")
	e := failureOf(t, p.Publish(allowed, newMessage("2")))
	var authentication *rocketmq.AuthenticationError
	require.ErrorAs(t, e, &authentication)
	require.Equal(t, rocketmq.WrongSignature, authentication.Reason)
	use(bobby, bobbySecret)
	require.NoError(t, p.Publish(allowed, newMessage("3")))
	if dials.Load() != connected {
		return false // and a message may be there twice
	}
	got := w.read(t, allowed, before+2)
	require.Equal(t, []string{"1", "3"}, []string{string(got[before].Body), string(got[before+1].Body)})
	return true
}

// settlesTransactions: who may publish to a topic may have transactions there, and
// who may not is told so.
func settlesTransactions(t *testing.T, w *securedWorld) {
	before := count(t, w)
	p := w.publisher(t, rocketmq.NewCredentials(alice, aliceSecret), func(c *publisher.Config) {
		c.ProducerGroup = newTopic(t, "group")
		c.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
			return publisher.TransactionUnknown
		}
	})
	committed, err := p.BeginTransaction(allowed, newMessage("committed"))
	require.NoError(t, err)
	dropped, err := p.BeginTransaction(allowed, newMessage("dropped"))
	require.NoError(t, err)
	require.NoError(t, dropped.Rollback(t.Context()))
	require.NoError(t, committed.Commit(t.Context()))
	require.Equal(t, "committed", string(w.read(t, allowed, before+1)[before].Body))

	_, err = p.BeginTransaction(forbidden, newMessage("x"))
	var permission *rocketmq.PermissionError
	require.ErrorAs(t, err, &permission)
	require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
}

// count returns how many messages the topic allowed has by now.
func count(t *testing.T, w *securedWorld) int {
	t.Helper()
	if w.real != nil {
		return len(w.real.Read(t, allowed, 0))
	}
	return len(messagesIn(w.embedded, allowed))
}

// speaksTLS: with certificates that fit the message is stored; without, the first
// attempt is the last.
func speaksTLS(t *testing.T, w *securedWorld) {
	strangers := newAuthority(t)
	own := []tls.Certificate{issue(t, w.authority)}
	late := func() time.Time { return time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name     string
		config   *tls.Config
		byPeer   bool
		accepted bool
	}{
		{"good", &tls.Config{RootCAs: w.authority.Pool(), Certificates: own}, false, true},
		{"wrong CA", &tls.Config{RootCAs: strangers.Pool(), Certificates: own}, false, false},
		{"wrong host", &tls.Config{RootCAs: w.authority.Pool(), Certificates: own, ServerName: "elsewhere.example"}, false, false},
		{"expired", &tls.Config{RootCAs: w.authority.Pool(), Certificates: own, Time: late}, false, false},
		{"no client certificate", &tls.Config{RootCAs: w.authority.Pool()}, true, false},
		{
			"no client certificate, TLS 1.2",
			&tls.Config{RootCAs: w.authority.Pool(), MaxVersion: tls.VersionTLS12}, true, false,
		},
		{
			"client certificate of a stranger",
			&tls.Config{RootCAs: w.authority.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				c := issue(t, strangers)
				return &c, nil
			}},
			true, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.publisher(t, rocketmq.NewCredentials(alice, aliceSecret), func(own *publisher.Config) { own.Cluster.TLS = c.config })
			before := count(t, w)
			msg := newMessage("by TLS")
			err := p.Publish(allowed, msg)
			if c.accepted {
				require.NoError(t, err)
				got := w.read(t, allowed, before+1)
				at := slices.IndexFunc(got, func(s stored) bool { return unmarshal(t, s).UUID == msg.UUID })
				require.GreaterOrEqual(t, at, 0)
				return
			}
			e := failureOf(t, err)
			t.Log(e)
			var certificate *rocketmq.CertificateError
			require.ErrorAs(t, e, &certificate)
			require.Equal(t, c.byPeer, certificate.ByPeer)
			require.Equal(t, publisher.NotSent, e.Outcome())
			requireOneAttempt(t, e.Results[0])
			w.read(t, allowed, before)
		})
	}
}

// A proxy checks lookups as well as sends, so what is refused is refused where a
// name server would be asked.
func TestSecurityOfProxy(t *testing.T) {
	cluster := realbroker.Start(t, realbroker.Config{
		Version: realbroker.Versions()[0], Proxy: true,
		ACL: &realbroker.ACL{Users: []realbroker.User{
			{Name: alice, Secret: aliceSecret, Publish: []string{allowed}},
			{Name: switchedOff, Secret: aliceSecret, Disabled: true},
		}},
	})
	world := realWorld(t, cluster)
	world.nameServers = []string{cluster.Proxy()}
	w := &securedWorld{world: world}
	w.createTopic(t, allowed, 1)
	w.createTopic(t, forbidden, 1)
	for _, c := range []struct {
		name        string
		credentials rocketmq.CredentialsProvider
		topic       string
		want        string
	}{
		{"none", nil, allowed, "no credentials were sent"},
		{"unknown user", rocketmq.NewCredentials("somebody", aliceSecret), allowed, "unknown user"},
		{"wrong secret", rocketmq.NewCredentials(alice, bobbySecret), allowed, "wrong secret key"},
		{"disabled", rocketmq.NewCredentials(switchedOff, aliceSecret), allowed, "user is disabled"},
		{"no permission", rocketmq.NewCredentials(alice, aliceSecret), forbidden, "no permission"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := failureOf(t, w.publisher(t, c.credentials, nil).Publish(c.topic, newMessage("x")))
			t.Log(e)
			require.Equal(t, publisher.NotSent, e.Outcome())
			requireOneAttempt(t, e.Results[0])
			var access *rocketmq.AccessError
			require.ErrorAs(t, e, &access)
			require.ErrorContains(t, e, "(not sent): "+c.want+": access denied")
		})
	}
	p := w.publisher(t, rocketmq.NewCredentials(alice, aliceSecret), nil)
	require.NoError(t, p.Publish(allowed, newMessage("1")))
	require.NoError(t, p.Publish(allowed, newMessages(5)...))
	w.read(t, allowed, 6)
	w.read(t, forbidden, 0)
}
