package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// authority signs certificates.
type authority struct {
	t *testing.T
	*testcert.Authority
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a, err := testcert.NewAuthority()
	require.NoError(t, err)
	return authority{t, a}
}

// issue returns a certificate for a host, both as server and as client.
func (a authority) issue(host string) tls.Certificate {
	a.t.Helper()
	c, err := a.Issue(func(c *x509.Certificate) {
		c.IPAddresses, c.DNSNames = nil, []string{host}
		if ip := net.ParseIP(host); ip != nil {
			c.IPAddresses, c.DNSNames = []net.IP{ip}, nil
		}
	})
	require.NoError(a.t, err)
	return c
}

func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	server := func(host string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ours.issue(host)}}
	}
	mutual := server("127.0.0.1")
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool()
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	for _, tt := range []struct {
		name           string
		server, client *tls.Config
		want           string // "" for an answer
	}{
		{"trusted", server("127.0.0.1"), &tls.Config{RootCAs: ours.Pool()}, ""},
		{
			"unknown authority", server("127.0.0.1"),
			&tls.Config{RootCAs: others.Pool()},
			"TLS handshake: tls: failed to verify certificate: x509: certificate signed by unknown authority",
		},
		{"system's authorities", server("127.0.0.1"), &tls.Config{}, "failed to verify certificate"},
		{"wrong host", server("10.9.8.7"), &tls.Config{RootCAs: ours.Pool()}, "10.9.8.7, not 127.0.0.1"},
		{"host by name", server("broker.test"), &tls.Config{RootCAs: ours.Pool(), ServerName: "broker.test"}, ""},
		{"wrong name", server("broker.test"), &tls.Config{RootCAs: ours.Pool(), ServerName: "other.test"}, "not other.test"},
		{"verification off", server("broker.test"), &tls.Config{InsecureSkipVerify: true}, ""},
		{
			"mutual", mutual,
			&tls.Config{RootCAs: ours.Pool(), Certificates: []tls.Certificate{ours.issue("client.test")}},
			"",
		},
		{
			"mutual with a stranger's certificate", mutual12,
			// crypto/tls sends a certificate of GetClientCertificate in any case.
			&tls.Config{RootCAs: ours.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				c := others.issue("client.test")
				return &c, nil
			}},
			"peer refused the client's certificate: remote error: tls: ",
		},
		{"mutual without certificate", mutual12, &tls.Config{RootCAs: ours.Pool()}, "TLS handshake: peer refused the client's certificate: remote error: tls: "},
		{"plain server", nil, &tls.Config{RootCAs: ours.Pool()}, "first record does not look like a TLS handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t)
			c := newClient(t, transport.Config{TLS: tt.client})
			call := invoke(t.Context(), c, l.addr(), "ping")
			nc := l.accept()
			if tt.server != nil {
				nc = tls.Server(nc, tt.server)
			}
			switch {
			case tt.want == "":
				newPeer(t, nc).Expect("ping").Answer("pong")
				call.Wants(t, "pong")
				return
			case tt.server == nil:
				_, err := nc.Write([]byte("\x00\x00\x00\x06\x00\x00\x00\x02{}"))
				require.NoError(t, err)
			default:
				require.Error(t, nc.(*tls.Conn).Handshake())
			}
			op := call.Fails(t)
			require.Equal(t, "dial", op.Op)
			require.ErrorContains(t, op, tt.want)
			require.Equal(t, tt.server == mutual12, errors.Is(op, transport.ErrCertificateRefused))
			require.False(t, op.Sent)
			require.Empty(t, c.Connected())
		})
	}
}

// TestTLSRefusedAfterHandshake has a server of TLS 1.3 refuse a client without
// certificate, which the client learns when its handshake is over: the request
// may have gone out by then, but the server has not acted on it.
func TestTLSRefusedAfterHandshake(t *testing.T) {
	a := newAuthority(t)
	l := listen(t)
	server := &tls.Config{
		Certificates: []tls.Certificate{a.issue("127.0.0.1")}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13,
	}
	go func() {
		var conns []net.Conn // kept open: a reset would hide the alert
		for {
			nc, err := l.l.Accept()
			if err != nil {
				for _, nc := range conns {
					_ = nc.Close()
				}
				return
			}
			conns = append(conns, nc)
			_ = tls.Server(nc, server).Handshake()
		}
	}()
	c := newClient(t, transport.Config{TLS: &tls.Config{RootCAs: a.Pool()}})
	op := invoke(t.Context(), c, l.addr(), "ping").Fails(t)
	require.ErrorIs(t, op, transport.ErrCertificateRefused)
	require.ErrorContains(t, op, "certificate required")
	require.False(t, op.Sent)
}

func TestTLSAddressWithoutPort(t *testing.T) {
	n := newNetwork(t)
	c := newClient(t, transport.Config{Dial: n.Dial, TLS: &tls.Config{}})
	op := invoke(t.Context(), c, "broker", "ping").Fails(t)
	require.Equal(t, "dial", op.Op)
	require.ErrorContains(t, op, "missing port")
	n.Accept().ExpectEnd()
}

func TestTLSHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, TLS: &tls.Config{}})
		start := time.Now()
		op := invoke(t.Context(), c, addr, "ping").Fails(t)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.ErrorIs(t, op, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, op, context.DeadlineExceeded)
		require.ErrorContains(t, op, "TLS handshake")
		require.False(t, op.Sent)
	})
}

// TestTLSGoodbyeHoldsNobody has a connection end whose peer does not read: TLS
// tries for 5 s to say goodbye, which must not cost any caller time.
func TestTLSGoodbyeHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, TLS: &tls.Config{RootCAs: a.Pool()}})
		start := time.Now()
		patient := invoke(t.Context(), c, addr, "patient")
		raw := n.Accept()
		p := newPeer(t, tls.Server(raw.nc, &tls.Config{Certificates: []tls.Certificate{a.issue("broker")}}))
		p.Expect("patient")
		call := invoke(timeout(t, 3*time.Second), c, addr, "ping")
		p.Expect("ping")
		require.ErrorIs(t, call.Fails(t), context.DeadlineExceeded)
		require.ErrorIs(t, patient.Fails(t), transport.ErrStalled)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.NoError(t, c.Close())
		require.LessOrEqual(t, time.Since(start), 8*time.Second)
	})
}
