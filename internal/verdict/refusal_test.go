package verdict

import (
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// The remarks are those that brokers have sent.
func TestRefusalByRemark(t *testing.T) {
	const acl = "org.apache.rocketmq.acl.common.AclException: "
	for _, c := range []struct {
		code   headers.ResponseCode
		remark string
		want   string // the error's type, with its reason
	}{
		{headers.SystemError, acl + "No accessKey is configured", "authentication: no credentials were sent"},
		{headers.SystemError, acl + "No acl config for somebody", "authentication: unknown user"},
		{headers.SystemError, acl + "No PlainAccessResource for accessKey=somebody", "authentication: unknown user"},
		{headers.SystemError, acl + "Check signature failed for accessKey=somebody", "authentication: wrong secret key"},
		{headers.SystemError, acl + "No default permission for topic:orders", "permission"},
		{headers.SystemError, acl + "No permission for topic:orders", "permission"},
		{headers.SystemError, acl + "Need admin permission for request code=17, but accessKey=somebody is not", "permission"},
		{headers.SystemError, acl + "words of another version", "access"},
		{headers.SystemError, "create mapped file failed, server is busy or broken.", ""},
		{headers.SystemError, "No default permission for topic:orders", ""},

		{headers.NoPermission, "username cannot be null.", "authentication: no credentials were sent"},
		{headers.NoPermission, "User:somebody is not found.", "authentication: unknown user"},
		{headers.NoPermission, "User:somebody not found.", "authentication: unknown user"},
		{headers.NoPermission, "User:somebody is disabled.", "authentication: user is disabled"},
		{headers.NoPermission, "check signature failed.", "authentication: wrong secret key"},
		{headers.NoPermission, "Authentication failed. Please verify the credentials and try again.", "authentication: authentication failed"},
		{headers.NoPermission, "User:somebody has no permission to access Topic:orders from 127.0.0.1, no matched policies.", "permission"},
		{headers.NoPermission, "User:somebody has no permission to access Topic:orders from 127.0.0.1, the decision is deny.", "permission"},
		{headers.NoPermission, "Authorization failed. Please verify your access rights and try again.", "permission"},
		{headers.NoPermission, "the broker[127.0.0.1] sending message is forbidden", ""},
		{headers.NoPermission, "Sending message to topic[SELF_TEST_TOPIC] is forbidden.", ""},
		// A proxy's, with the other code.
		{headers.SystemError, "username cannot be null.", "authentication: no credentials were sent"},
		{headers.SystemError, "User:somebody is not found.", "authentication: unknown user"},
		{headers.SystemError, "User:somebody is disabled.", "authentication: user is disabled"},
		{headers.SystemError, "check signature failed.", "authentication: wrong secret key"},
		{headers.SystemError, "User:somebody has no permission to access Topic:orders from 127.0.0.1, no matched policies.", "permission"},
		{headers.SystemError, "the consumer group is not found.", ""},
		{headers.SystemError, "the broker has no permission to access the disk", ""},
		{headers.NoPermission, "topic not found.", ""},
		{headers.SystemBusy, acl + "No accessKey is configured", ""},
	} {
		status := &headers.StatusError{Code: c.code, Remark: c.remark}
		err := Refusal(status)
		require.Equal(t, c.want, kindOf(err), c.remark)
		if c.want != "" {
			require.ErrorIs(t, err, status)
			require.ErrorContains(t, err, c.remark)
			var access *rocketmq.AccessError
			require.ErrorAs(t, err, &access, "the wider type")
			require.Same(t, err, Refusal(err), "it stays what it is")
			require.Equal(t, Verdict{}, Of(err), "final")
		}
		require.Equal(t, Of(status), Of(fmt.Errorf("wrapped: %w", status)))
	}
}

// kindOf says which of the errors of refused access err is.
func kindOf(err error) string {
	var authentication *rocketmq.AuthenticationError
	var permission *rocketmq.PermissionError
	var access *rocketmq.AccessError
	switch {
	case errors.As(err, &authentication):
		return "authentication: " + string(authentication.Reason)
	case errors.As(err, &permission):
		return "permission"
	case errors.As(err, &access):
		return "access"
	case err != nil:
		return err.Error()
	}
	return ""
}

// Name servers, a proxy for instance, refuse only if all of them do: another may
// be the one that works.
func TestRefusalByNameServers(t *testing.T) {
	unknown := &headers.StatusError{Code: headers.NoPermission, Remark: "User:somebody is not found."}
	down := &transport.OpError{Op: "dial", Err: errors.New("refused")}
	untrusted := &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}
	stranger := &transport.OpError{Op: "read", Err: fmt.Errorf("%w: remote error", transport.ErrCertificateRefused)}
	none := &transport.OpError{Op: "decorate", Err: &rocketmq.CredentialsError{Err: errors.New("vault is sealed")}}
	lookup := func(errs ...error) error {
		all := &routing.NameServersError{Topic: "orders"}
		for _, err := range errs {
			all.Servers = append(all.Servers, &routing.NameServerError{Addr: "127.0.0.1:9876", Err: err})
		}
		return fmt.Errorf("lookup: %w", all)
	}
	var authentication *rocketmq.AuthenticationError
	var certificate *rocketmq.CertificateError
	var credentials *rocketmq.CredentialsError
	var all *routing.NameServersError

	err := Refusal(lookup(unknown, unknown))
	require.ErrorAs(t, err, &authentication)
	require.Equal(t, rocketmq.UnknownUser, authentication.Reason)
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Servers, 2)

	err = Refusal(lookup(untrusted, stranger))
	require.ErrorAs(t, err, &certificate)
	require.False(t, certificate.ByPeer, "that of the first")
	require.ErrorContains(t, err, "server's certificate is not trusted")
	err = Refusal(lookup(stranger))
	require.ErrorAs(t, err, &certificate)
	require.True(t, certificate.ByPeer)
	require.ErrorContains(t, err, "server refused the client's certificate")
	require.ErrorAs(t, Refusal(lookup(none, none)), &credentials)

	for _, some := range []error{lookup(unknown, down), lookup(down, untrusted), lookup(none, down), lookup()} {
		require.NoError(t, Refusal(some))
		require.Equal(t, Verdict{Next: RetryHere, Refresh: true}, Of(some))
	}
}
