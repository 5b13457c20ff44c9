package publisher

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// certificateMargin is how long before its end there is a warning of a certificate,
// at most. One of a short life is renewed when a third of it is left, as a rule: the
// warning comes when a quarter is.
func certificateMargin(leaf *x509.Certificate) time.Duration {
	return min(7*24*time.Hour, leaf.NotAfter.Sub(leaf.NotBefore)/4)
}

// encryption looks at a server's TLS, on a connection of its own that carries
// nothing, and whether it takes plain text beside, by a question that plain asks
// over c.plain. Without Config.TLS there is nothing to look at.
func (c *check) encryption(subject, addr string, plain func(context.Context) error) []CheckItem {
	if c.p.cfg.TLS == nil {
		return nil
	}
	return []CheckItem{c.certificate(subject, addr), c.plaintext(subject, plain)}
}

// certificate makes a handshake and looks at the server's certificate.
func (c *check) certificate(subject, addr string) CheckItem {
	ctx, cancel := context.WithTimeout(c.ctx, min(checkTimeout, c.p.cfg.DialTimeout))
	defer cancel()
	began := c.p.now()
	state, err := c.handshake(ctx, addr)
	took := c.p.now().Sub(began)
	if err != nil {
		var untrusted *tls.CertificateVerificationError
		advice := "the server has to speak TLS (tls.server.mode=permissive or enforcing)"
		if errors.As(err, &untrusted) {
			advice = adviceFor(&CertificateError{Err: err})
		}
		item := c.failed(CheckTLS, subject, err, advice)
		if untrusted != nil && len(untrusted.UnverifiedCertificates) > 0 {
			item.Reason = "not verified: " + describe(untrusted.UnverifiedCertificates[0]) + ": " + err.Error()
		}
		item.Took = took
		return item
	}
	item := fine(CheckTLS, subject, "on, "+tls.VersionName(state.Version))
	item.Took = took
	if len(state.PeerCertificates) == 0 {
		return item // a server without one is none that crypto/tls talks to
	}
	leaf := state.PeerCertificates[0]
	cfg := c.p.cfg.TLS
	left := leaf.NotAfter.Sub(c.p.now())
	switch {
	case cfg.InsecureSkipVerify && cfg.VerifyConnection == nil && cfg.VerifyPeerCertificate == nil:
		item.Verdict, item.Warning = CheckBad, true
		item.Reason += ", but nobody verifies the certificate: " + describe(leaf)
		item.Advice = "leave Config.TLS.InsecureSkipVerify off: anybody between can be that server"
	case left < certificateMargin(leaf):
		item.Verdict, item.Warning = CheckBad, true
		item.Reason += ", certificate verified, but it ends soon: " + describe(leaf)
		item.Advice = "renew the certificate of the server"
	default:
		item.Reason += ", certificate verified: " + describe(leaf)
	}
	return item
}

// handshake opens a connection as the transport does, and closes it.
func (c *check) handshake(ctx context.Context, addr string) (tls.ConnectionState, error) {
	dial := c.p.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	nc, err := dial(ctx, "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer nc.Close()
	cfg := c.p.cfg.TLS.Clone()
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		cfg.ServerName = host
	}
	conn := tls.Client(nc, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, fmt.Errorf("TLS handshake: %w", err)
	}
	return conn.ConnectionState(), nil
}

// describe tells whose certificate it is and how long it is valid.
func describe(leaf *x509.Certificate) string {
	name := leaf.Subject.CommonName
	switch {
	case len(leaf.DNSNames) > 0:
		name = leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		name = leaf.IPAddresses[0].String()
	}
	return fmt.Sprintf("%s, by %s, until %s", name, leaf.Issuer.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
}

// plaintext asks without TLS what should not be answered.
func (c *check) plaintext(subject string, ask func(context.Context) error) CheckItem {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	err := ask(ctx)
	var op *transport.OpError
	switch {
	case c.ended() != nil:
		return c.failed(CheckPlaintext, subject, c.ended(), "")
	case !errors.As(err, &op): // answered, whatever the answer is
		return warning(CheckPlaintext, subject, "the server takes connections without TLS as well",
			"set tls.server.mode=enforcing on the server, once all clients use TLS")
	case op.Op == "dial", errors.Is(err, context.DeadlineExceeded):
		return notKnown(CheckPlaintext, subject, reasonOf(err))
	}
	return fine(CheckPlaintext, subject, "the server hangs up on connections without TLS")
}
