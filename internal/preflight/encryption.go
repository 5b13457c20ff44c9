package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
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
// over c.plain. Without Cluster.TLS there is nothing to look at.
func (c *checker) encryption(subject, addr string, plain func(context.Context) error) []check.Item {
	if c.Cluster.TLS == nil {
		return nil
	}
	return []check.Item{c.certificate(subject, addr), c.plaintext(subject, plain)}
}

// certificate makes a handshake and looks at the server's certificate.
func (c *checker) certificate(subject, addr string) check.Item {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	state, err := c.handshake(ctx, addr)
	took := time.Since(began)
	if err != nil {
		var untrusted *tls.CertificateVerificationError
		advice := "the server has to speak TLS (tls.server.mode=permissive or enforcing)"
		if errors.As(err, &untrusted) {
			advice = adviceFor(&rocketmq.CertificateError{Err: err})
		}
		item := c.failed(check.TLS, subject, err, advice)
		if untrusted != nil && len(untrusted.UnverifiedCertificates) > 0 {
			item.Reason = "not verified: " + describe(untrusted.UnverifiedCertificates[0]) + ": " + reasonOf(err)
		}
		item.Took = took
		return item
	}
	item := fine(check.TLS, subject, "on, "+tls.VersionName(state.Version))
	item.Took = took
	if len(state.PeerCertificates) == 0 {
		return item // a server without one is none that crypto/tls talks to
	}
	leaf := state.PeerCertificates[0]
	cfg := c.Cluster.TLS
	left := time.Until(leaf.NotAfter)
	switch {
	case cfg.InsecureSkipVerify && cfg.VerifyConnection == nil && cfg.VerifyPeerCertificate == nil:
		item.Status = check.Warning
		item.Reason += ", but nobody verifies the certificate: " + describe(leaf)
		item.Advice = "leave Cluster.TLS.InsecureSkipVerify off: anybody between can be that server"
	case left < certificateMargin(leaf):
		item.Status = check.Warning
		item.Reason += ", certificate verified, but it ends soon: " + describe(leaf)
		item.Advice = "renew the certificate of the server"
	default:
		item.Reason += ", certificate verified: " + describe(leaf)
	}
	return item
}

// handshake opens a connection, and closes it.
func (c *checker) handshake(ctx context.Context, addr string) (tls.ConnectionState, error) {
	nc, err := c.Client.Dial(ctx, addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer nc.Close() // it has carried nothing
	return nc.(*tls.Conn).ConnectionState(), nil
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
func (c *checker) plaintext(subject string, ask func(context.Context) error) check.Item {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	err := ask(ctx)
	var op *transport.OpError
	switch {
	case c.ended() != nil:
		return c.failed(check.Plaintext, subject, c.ended(), "")
	case !errors.As(err, &op): // answered, whatever the answer is
		return warning(check.Plaintext, subject, "the server takes connections without TLS as well",
			"set tls.server.mode=enforcing on the server, once all clients use TLS")
	case op.Op == "dial", errors.Is(err, context.DeadlineExceeded):
		return unknown(check.Plaintext, subject, reasonOf(err))
	}
	return fine(check.Plaintext, subject, "the server hangs up on connections without TLS")
}
