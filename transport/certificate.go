package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
)

// ErrCertificateRefused means that the peer refused this client's certificate, or
// wants one and got none. The peer has acted on nothing that it was sent over the
// connection. With TLS 1.3 that comes to light when the dial is over and the first
// requests are on their way.
var ErrCertificateRefused = errors.New("peer refused the client's certificate")

// certificateAlerts are the alerts that a server ends a handshake with because of
// the client's certificate (RFC 8446, section 6.2).
var certificateAlerts = [...]tls.AlertError{
	42,  // bad_certificate, also for none at all before TLS 1.3
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	116, // certificate_required
}

// handshakeFailure is what a server may say instead to a client that was asked for
// a certificate and has none (RFC 5246, section 7.4.6).
const handshakeFailure tls.AlertError = 40

// noteCertificateRequest makes a handshake by cfg tell whether the server has
// asked for a certificate. What the handshake does stays the same: without a
// func of its own, crypto/tls sends the first certificate that will do.
func noteCertificateRequest(cfg *tls.Config) (asked *bool) {
	asked = new(bool)
	choose := cfg.GetClientCertificate
	if choose == nil {
		certificates := cfg.Certificates
		choose = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for i := range certificates {
				if request.SupportsCertificate(&certificates[i]) == nil {
					return &certificates[i], nil
				}
			}
			return new(tls.Certificate), nil
		}
	}
	cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		*asked = true
		return choose(request)
	}
	return asked
}

// certificateRefused wraps an error of the handshake, or of the first read after
// it, in ErrCertificateRefused if it is the peer's alert about the certificate.
// asked tells that a handshake under way had come to the server's request for
// one. The type of an alert is crypto/tls's own; its text is that of the
// AlertError.
func certificateRefused(err error, asked bool) error {
	var alert *net.OpError
	if !errors.As(err, &alert) || alert.Op != "remote error" || alert.Err == nil {
		return err
	}
	text := alert.Err.Error()
	isText := func(a tls.AlertError) bool { return a.Error() == text }
	if !slices.ContainsFunc(certificateAlerts[:], isText) && !(asked && isText(handshakeFailure)) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCertificateRefused, err)
}

// alertGrace bounds the wait for the reader of a connection that a write found
// broken.
const alertGrace = time.Second

// awaitAlert is called when a write has failed. A server of TLS 1.3 that refuses
// this client's certificate sends an alert and hangs up, and a write may notice
// that before the reader has read the alert, which says why. So on a connection
// that nothing was read from yet the reader, whose time has come in any case, has
// the first word.
func (cn *conn) awaitAlert(err error) {
	if _, secure := cn.nc.(*tls.Conn); !secure || errors.Is(err, os.ErrDeadlineExceeded) || cn.hasHeard() {
		return
	}
	grace := time.NewTimer(alertGrace)
	defer grace.Stop()
	select {
	case <-cn.broken:
	case <-grace.C:
	}
}

func (cn *conn) hasHeard() bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.heard
}
