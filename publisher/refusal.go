package publisher

import (
	"crypto/tls"
	"errors"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// refusalOf returns the error of securityerrors.go that err means, nil if it means
// none. Name servers count only if all of them refuse.
func refusalOf(err error) error {
	var nameServers *routing.NameServersError
	var credentials *CredentialsError
	var access *AccessError
	var certificate *CertificateError
	var status *headers.StatusError
	var op *transport.OpError
	switch {
	case errors.As(err, &certificate), errors.As(err, &access):
		return err
	case errors.As(err, &nameServers):
		return refusalOfAll(nameServers)
	case errors.As(err, &credentials):
		return credentials
	case errors.As(err, &status):
		return accessRefusal(status, status)
	case errors.As(err, &op):
		return certificateRefusal(op, op)
	}
	return nil
}

// refusalOfAll is what the first name server refused for, if each of them did
// refuse.
func refusalOfAll(e *routing.NameServersError) error {
	var first error
	for _, server := range e.Servers {
		var status *headers.StatusError
		var op *transport.OpError
		var credentials *CredentialsError
		var refusal error
		switch {
		case errors.As(server, &credentials):
			refusal = credentials
		case errors.As(server, &status):
			refusal = accessRefusal(status, e)
		case errors.As(server, &op):
			refusal = certificateRefusal(op, e)
		}
		if refusal == nil {
			return nil
		}
		if first == nil {
			first = refusal
		}
	}
	return first
}

// certificateRefusal returns a *CertificateError that wraps whole, if op failed
// for a certificate.
func certificateRefusal(op *transport.OpError, whole error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(op, &untrusted):
		return &CertificateError{Err: whole}
	case errors.Is(op, transport.ErrCertificateRefused):
		return &CertificateError{ByPeer: true, Err: whole}
	}
	return nil
}

// accessRemark is a piece of a remark by which a broker's access control says why
// it refuses.
type accessRemark struct {
	fragment string
	// reason is empty for a user who is known and has no permission.
	reason AuthenticationReason
}

// aclException begins, after the package, what ACL 1.0 says with the code
// SystemError: brokers of 4.4 to 5.2 with aclEnable, and their proxies.
const aclException = "AclException"

// aclRemarks are the pieces of an AclException (PlainPermissionManager and
// PlainPermissionChecker, 4.9.7 and 5.1.4).
var aclRemarks = [...]accessRemark{
	{"No accessKey is configured", MissingCredentials},
	{"No acl config for ", UnknownUser},
	{"No PlainAccessResource for accessKey", UnknownUser},
	{"Check signature failed for accessKey", WrongSignature},
	{"No default permission for ", ""},
	{"No permission for ", ""},
	{"Need admin permission for ", ""},
}

// authRemarks are what brokers and proxies since 5.3 say with the code
// NoPermission (the handlers and strategies of org.apache.rocketmq.auth, 5.5.0).
// The code alone may also mean a broker that is read-only.
var authRemarks = [...]accessRemark{
	{"username cannot be null", MissingCredentials},
	{"check signature failed", WrongSignature},
	{" is disabled.", DisabledUser},
	{" has no permission to access ", ""},
	{" is not found.", UnknownUser},
	{" not found.", UnknownUser},
	{"Authentication failed.", OtherAuthenticationReason},
	{"Authorization failed.", ""},
}

// accessRefusal returns the error that wraps whole, if an access control gave the
// answer. Of an AclException in unknown words it is the wider *AccessError; a
// NoPermission in unknown words is not known to be one.
func accessRefusal(s *headers.StatusError, whole error) error {
	access := &AccessError{Err: whole}
	remarks := aclRemarks[:]
	switch {
	case s.Code == headers.SystemError && strings.Contains(s.Remark, aclException):
	case s.Code == headers.NoPermission:
		remarks = authRemarks[:]
	default:
		return nil
	}
	for _, r := range remarks {
		switch {
		case !strings.Contains(s.Remark, r.fragment):
		case r.reason == "":
			return &PermissionError{Err: access}
		default:
			return &AuthenticationError{Reason: r.reason, Err: access}
		}
	}
	if s.Code == headers.NoPermission {
		return nil
	}
	return access
}
