package publisher_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Credentials and certificates, right and wrong, as real brokers take them.
func TestCheckSecurity(t *testing.T) {
	inSecuredWorlds(t, func(t *testing.T, w *securedWorld) {
		w.createTopic(t, allowed, 1)
		superuser := publisher.NewCredentials("superuser", "superuser-secret")
		user := publisher.NewCredentials(alice, aliceSecret)

		t.Run("user", func(t *testing.T) {
			report := check(t, w.publisher(t, user, nil), allowed)
			t.Log(report)
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckCredentials, "accepted")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckWritePermission, "shows with the first message")
			// Brokers tell their configuration to whoever they know.
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckMessageSize, "4194304")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckClock, "this machine's")
			require.NoError(t, report.Err())
		})
		t.Run("wrong secret", func(t *testing.T) {
			report := check(t, w.publisher(t, publisher.NewCredentials(alice, "not the secret"), nil), allowed)
			requireVerdict(t, publisher.CheckBad, report, publisher.CheckCredentials, "wrong secret key")
			var refused *publisher.AuthenticationError
			require.ErrorAs(t, report.Err(), &refused)
			require.Equal(t, publisher.WrongSignature, refused.Reason)
			require.NotContains(t, report.String(), "not the secret")
		})
		t.Run("none", func(t *testing.T) {
			report := check(t, w.publisher(t, nil, nil), allowed)
			i := requireVerdict(t, publisher.CheckBad, report, publisher.CheckCredentials, "no credentials were sent")
			require.Contains(t, i.Advice, "Config.Credentials")
		})
		t.Run("administrator by TLS", func(t *testing.T) {
			if w.embedded != nil {
				superuser = user // there is no other
			}
			report := check(t, w.publisher(t, superuser, func(c *publisher.Config) {
				c.TLS = &tls.Config{RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{issue(t, w.authority)}}
			}), allowed)
			t.Log(report)
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckCredentials, "accepted")
			certificates := itemsOf(report, publisher.CheckTLS)
			require.Len(t, certificates, 2, "of name server and broker")
			for _, i := range certificates {
				require.Equal(t, publisher.CheckOK, i.Verdict, report)
				require.Contains(t, i.Reason, "certificate verified: 127.0.0.1, by test authority, until ")
			}
			for _, i := range itemsOf(report, publisher.CheckPlaintext) {
				require.True(t, i.Warning, report)
			}
			require.NoError(t, report.Err())
		})
		t.Run("wrong authority", func(t *testing.T) {
			report := check(t, w.publisher(t, user, func(c *publisher.Config) {
				c.TLS = &tls.Config{RootCAs: newAuthority(t).Pool(), Certificates: []tls.Certificate{issue(t, w.authority)}}
			}), allowed)
			i := requireVerdict(t, publisher.CheckBad, report, publisher.CheckTLS, "not verified: 127.0.0.1, by test authority, until ")
			require.Contains(t, i.Advice, "Config.TLS.RootCAs")
			var refused *publisher.CertificateError
			require.ErrorAs(t, report.Err(), &refused)
			require.False(t, refused.ByPeer)
		})
		t.Run("no client certificate", func(t *testing.T) {
			report := check(t, w.publisher(t, user, func(c *publisher.Config) {
				c.TLS = &tls.Config{RootCAs: w.authority.Pool()}
			}), allowed)
			i := requireVerdict(t, publisher.CheckBad, report, publisher.CheckNameServer, "refused the client's certificate")
			require.Contains(t, i.Advice, "Config.TLS.Certificates")
		})
		t.Run("nobody verifies", func(t *testing.T) {
			report := check(t, w.publisher(t, user, func(c *publisher.Config) {
				c.TLS = &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{issue(t, w.authority)}}
			}), allowed)
			for _, i := range itemsOf(report, publisher.CheckTLS) {
				require.True(t, i.Warning, report)
				require.Contains(t, i.Advice, "InsecureSkipVerify")
			}
		})
		t.Run("topics are for administrators", func(t *testing.T) {
			p := w.publisher(t, user, func(c *publisher.Config) { c.CreateTopics.Enabled = true })
			report := check(t, p, "not-there")
			requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckCreateTopics, "needs an administrator's permission")
			require.Empty(t, itemsOf(check(t, p, allowed), publisher.CheckCreateTopics), "nothing is missing")
			err := p.Publish("not-there", newMessage("x"))
			var failed *publisher.CreateTopicError
			require.ErrorAs(t, err, &failed)
			require.Empty(t, failed.Created)
			var refused *publisher.PermissionError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, 1, failureOf(t, err).Results[0].Attempts)
			if w.real == nil {
				return
			}
			require.NotContains(t, w.real.Topics(t), "not-there")
			require.NoError(t, w.publisher(t, superuser, nil).CreateTopic(t.Context(), "not-there"))
			require.Contains(t, w.real.Topics(t), "not-there")
		})
	})
}
