package rocketmq

import "fmt"

// The errors of this file are final for a publisher: it makes no further attempt with
// the message, and no broker has it. That a broker's certificate is not accepted is
// final once it is so of all brokers that the message may go to. The errors carry no
// secrets.

// CredentialsError means that Cluster.Credentials returned an error, or
// credentials without an access key or a secret key. Nothing was sent.
type CredentialsError struct{ Err error }

// Error carries the provider's error.
func (e *CredentialsError) Error() string { return "no credentials: " + e.Err.Error() }

// Unwrap returns the provider's error.
func (e *CredentialsError) Unwrap() error { return e.Err }

// AccessError means that the access control of a broker, or of every name server,
// turned the request away. An *AuthenticationError or *PermissionError wraps it
// where the broker has told which of the two it is.
type AccessError struct {
	// Err is a *headers.StatusError with the broker's remark, or a
	// *routing.NameServersError with those of the name servers.
	Err error
}

// Error carries the answer.
func (e *AccessError) Error() string { return "access denied: " + e.Err.Error() }

// Unwrap returns the answer.
func (e *AccessError) Unwrap() error { return e.Err }

// AuthenticationError means that who sent the request is not known or not proven.
type AuthenticationError struct {
	Reason AuthenticationReason
	Err    *AccessError
}

// AuthenticationReason says why credentials were refused.
type AuthenticationReason string

// The reasons that brokers give.
const (
	// MissingCredentials: the broker wants a signature and there was none.
	MissingCredentials AuthenticationReason = "no credentials were sent"
	// UnknownUser: the broker does not know the access key.
	UnknownUser AuthenticationReason = "unknown user"
	// WrongSignature: the secret key is not the user's.
	WrongSignature AuthenticationReason = "wrong secret key"
	// DisabledUser: the user is known and switched off (5.3 and later).
	DisabledUser AuthenticationReason = "user is disabled"
	// OtherAuthenticationReason: the broker does not say, or in words that are
	// not known here.
	OtherAuthenticationReason AuthenticationReason = "authentication failed"
)

// Error names the reason and carries the answer.
func (e *AuthenticationError) Error() string { return string(e.Reason) + ": " + e.Err.Error() }

// Unwrap returns the AccessError.
func (e *AuthenticationError) Unwrap() error { return e.Err }

// PermissionError means that the user is known and may not do this.
type PermissionError struct{ Err *AccessError }

// Error carries the answer.
func (e *PermissionError) Error() string { return "no permission: " + e.Err.Error() }

// Unwrap returns the AccessError.
func (e *PermissionError) Unwrap() error { return e.Err }

// CertificateError means that one side of a TLS connection did not take the
// other's certificate.
type CertificateError struct {
	// ByPeer: the broker or name server refused this client's certificate, or
	// wants one and got none. Otherwise Cluster.TLS does not accept the server's
	// certificate: wrong CA, wrong host, expired. That of one broker leaves the
	// message to the topic's other brokers.
	ByPeer bool
	// Err is a *transport.OpError, which wraps a *tls.CertificateVerificationError
	// unless ByPeer, or a *routing.NameServersError, if it was every name server.
	Err error
}

// Error says whose certificate it was and carries the cause.
func (e *CertificateError) Error() string {
	side := "server's certificate is not trusted"
	if e.ByPeer {
		side = "server refused the client's certificate"
	}
	return fmt.Sprintf("%s: %v", side, e.Err)
}

// Unwrap returns the cause.
func (e *CertificateError) Unwrap() error { return e.Err }
