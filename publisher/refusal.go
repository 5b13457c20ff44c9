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
	var wait *routing.WaitError
	var nameServers *routing.NameServersError
	var credentials *CredentialsError
	var access *AccessError
	var certificate *CertificateError
	var status *headers.StatusError
	var op *transport.OpError
	switch {
	case errors.As(err, &certificate), errors.As(err, &access):
		return err
	case errors.As(err, &wait):
		return nil // what is in it is about a lookup before
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

// accessRemark is what a remark of an access control begins with and has in it.
type accessRemark struct {
	prefix, fragment string
	// reason is empty for a user who is known and has no permission.
	reason AuthenticationReason
}

// aclException begins, after the package, what ACL 1.0 says: brokers of 4.4 to
// 5.2 with aclEnable.
const aclException = "AclException: "

// aclRemarks are what stands behind it (PlainPermissionManager and
// PlainPermissionChecker, 4.9.7 and 5.1.4).
var aclRemarks = [...]accessRemark{
	{"No accessKey is configured", "", MissingCredentials},
	{"No acl config for ", "", UnknownUser},
	{"No PlainAccessResource for accessKey", "", UnknownUser},
	{"Check signature failed for accessKey", "", WrongSignature},
	{"No default permission for ", "", ""},
	{"No permission for ", "", ""},
	{"Need admin permission for ", "", ""},
}

// authRemarks are what ACL 2.0 says, from 5.3 on (the handlers and strategies of
// org.apache.rocketmq.auth, 5.5.0): brokers with the code NoPermission, proxies at
// their remoting port with SystemError. Either code alone may mean something else.
var authRemarks = [...]accessRemark{
	{"username cannot be null", "", MissingCredentials},
	{"check signature failed", "", WrongSignature},
	{"User:", " is disabled.", DisabledUser},
	{"User:", " has no permission to access ", ""},
	{"User:", " is not found.", UnknownUser},
	{"User:", " not found.", UnknownUser},
	{"Authentication failed.", "", OtherAuthenticationReason},
	{"Authorization failed.", "", ""},
}

// accessRefusal returns the error that wraps whole, if an access control gave the
// answer. Of an AclException in unknown words it is the wider *AccessError. ACL
// 2.0 in unknown words is not known to be one.
func accessRefusal(s *headers.StatusError, whole error) error {
	if s.Code != headers.SystemError && s.Code != headers.NoPermission {
		return nil
	}
	access := &AccessError{Err: whole}
	if _, remark, ok := strings.Cut(s.Remark, aclException); ok && s.Code == headers.SystemError {
		if refusal := access.byRemark(remark, aclRemarks[:]); refusal != nil {
			return refusal
		}
		return access
	}
	return access.byRemark(s.Remark, authRemarks[:])
}

// byRemark returns the narrower error that one of the remarks tells, or nil.
func (e *AccessError) byRemark(remark string, known []accessRemark) error {
	for _, k := range known {
		switch {
		case !strings.HasPrefix(remark, k.prefix) || !strings.Contains(remark, k.fragment):
		case k.reason == "":
			return &PermissionError{Err: e}
		default:
			return &AuthenticationError{Reason: k.reason, Err: e}
		}
	}
	return nil
}
