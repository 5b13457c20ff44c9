package transport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key
}

// issue returns a certificate for a host, both as server and as client.
func (a *authority) issue(host string) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	cert, key := a.sign(template)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	server := func(host string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ours.issue(host)}}
	}
	mutual := server("127.0.0.1")
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ours.pool()
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	for _, tt := range []struct {
		name           string
		server, client *tls.Config
		want           string // "" for an answer
	}{
		{"trusted", server("127.0.0.1"), &tls.Config{RootCAs: ours.pool()}, ""},
		{
			"unknown authority", server("127.0.0.1"),
			&tls.Config{RootCAs: others.pool()},
			"TLS handshake: tls: failed to verify certificate: x509: certificate signed by unknown authority",
		},
		{"system's authorities", server("127.0.0.1"), &tls.Config{}, "failed to verify certificate"},
		{"wrong host", server("10.9.8.7"), &tls.Config{RootCAs: ours.pool()}, "10.9.8.7, not 127.0.0.1"},
		{"host by name", server("broker.test"), &tls.Config{RootCAs: ours.pool(), ServerName: "broker.test"}, ""},
		{"wrong name", server("broker.test"), &tls.Config{RootCAs: ours.pool(), ServerName: "other.test"}, "not other.test"},
		{"verification off", server("broker.test"), &tls.Config{InsecureSkipVerify: true}, ""},
		{
			"mutual", mutual,
			&tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{ours.issue("client.test")}},
			"",
		},
		{"mutual without certificate", mutual12, &tls.Config{RootCAs: ours.pool()}, "TLS handshake: remote error: tls: "},
		{"plain server", nil, &tls.Config{RootCAs: ours.pool()}, "first record does not look like a TLS handshake"},
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
			require.False(t, op.Sent)
			require.Empty(t, c.Connected())
		})
	}
}

// TestTLSRefusedAfterHandshake has a server of TLS 1.3 refuse a client without
// certificate, which the client learns when its handshake is over: the request
// may or may not have gone out by then.
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
	c := newClient(t, transport.Config{TLS: &tls.Config{RootCAs: a.pool()}})
	require.ErrorContains(t, invoke(t.Context(), c, l.addr(), "ping").Fails(t), "certificate required")
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
		c := newClient(t, transport.Config{Dial: n.Dial, TLS: &tls.Config{RootCAs: a.pool()}})
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
