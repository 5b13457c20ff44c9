package verdict

import (
	"crypto/tls"
	"errors"
	"strings"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Refusal returns the access error of package rocketmq that err means, nil if it means
// none. Name servers count only if all of them refuse.
func Refusal(err error) error {
	var wait *routing.WaitError
	var nameServers *routing.NameServersError
	var credentials *rocketmq.CredentialsError
	var access *rocketmq.AccessError
	var certificate *rocketmq.CertificateError
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
		var credentials *rocketmq.CredentialsError
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

// certificateRefusal returns a *rocketmq.CertificateError that wraps whole, if op failed
// for a certificate.
func certificateRefusal(op *transport.OpError, whole error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(op, &untrusted):
		return &rocketmq.CertificateError{Err: whole}
	case errors.Is(op, transport.ErrCertificateRefused):
		return &rocketmq.CertificateError{ByPeer: true, Err: whole}
	}
	return nil
}

// ofRefusal is the verdict on a refusal.
func ofRefusal(refusal error) Verdict {
	if isBrokersCertificate(refusal) {
		// The address may be another server's by now.
		return Verdict{Refresh: true, Seldom: true, Broker: Unreachable, Unable: true}
	}
	return Verdict{} // the same credentials, or certificate, will fail again
}

// isBrokersCertificate reports whether the refusal is that of the certificate of the
// broker that the message was to go to, which says nothing of the other brokers. One
// that stands in an error of another request, such as for the creation of the topic, is
// none.
func isBrokersCertificate(refusal error) bool {
	certificate, ok := refusal.(*rocketmq.CertificateError)
	var nameServers *routing.NameServersError
	return ok && !certificate.ByPeer && !errors.As(certificate.Err, &nameServers)
}

// accessRemark is what a remark of an access control begins with and has in it.
type accessRemark struct {
	prefix, fragment string
	// reason is empty for a user who is known and has no permission.
	reason rocketmq.AuthenticationReason
}

// aclException begins, after the package, what ACL 1.0 says: brokers of 4.4 to
// 5.2 with aclEnable.
const aclException = "AclException: "

// aclRemarks are what stands behind it (PlainPermissionManager and
// PlainPermissionChecker, 4.9.7 and 5.1.4).
var aclRemarks = [...]accessRemark{
	{"No accessKey is configured", "", rocketmq.MissingCredentials},
	{"No acl config for ", "", rocketmq.UnknownUser},
	{"No PlainAccessResource for accessKey", "", rocketmq.UnknownUser},
	{"Check signature failed for accessKey", "", rocketmq.WrongSignature},
	{"No default permission for ", "", ""},
	{"No permission for ", "", ""},
	{"Need admin permission for ", "", ""},
}

// authRemarks are what ACL 2.0 says, from 5.3 on (the handlers and strategies of
// org.apache.rocketmq.auth, 5.5.0): brokers with the code NoPermission, proxies at
// their remoting port with SystemError. Either code alone may mean something else.
var authRemarks = [...]accessRemark{
	{"username cannot be null", "", rocketmq.MissingCredentials},
	{"check signature failed", "", rocketmq.WrongSignature},
	{"User:", " is disabled.", rocketmq.DisabledUser},
	{"User:", " has no permission to access ", ""},
	{"User:", " is not found.", rocketmq.UnknownUser},
	{"User:", " not found.", rocketmq.UnknownUser},
	{"Authentication failed.", "", rocketmq.OtherAuthenticationReason},
	{"Authorization failed.", "", ""},
}

// accessRefusal returns the error that wraps whole, if an access control gave the
// answer. Of an AclException in unknown words it is the wider *rocketmq.AccessError. ACL
// 2.0 in unknown words is not known to be one.
func accessRefusal(s *headers.StatusError, whole error) error {
	if s.Code != headers.SystemError && s.Code != headers.NoPermission {
		return nil
	}
	access := &rocketmq.AccessError{Err: whole}
	if _, remark, ok := strings.Cut(s.Remark, aclException); ok && s.Code == headers.SystemError {
		if refusal := byRemark(access, remark, aclRemarks[:]); refusal != nil {
			return refusal
		}
		return access
	}
	return byRemark(access, s.Remark, authRemarks[:])
}

// byRemark returns the narrower error around access that one of the remarks tells, or
// nil.
func byRemark(access *rocketmq.AccessError, remark string, known []accessRemark) error {
	for _, k := range known {
		switch {
		case !strings.HasPrefix(remark, k.prefix) || !strings.Contains(remark, k.fragment):
		case k.reason == "":
			return &rocketmq.PermissionError{Err: access}
		default:
			return &rocketmq.AuthenticationError{Reason: k.reason, Err: access}
		}
	}
	return nil
}
