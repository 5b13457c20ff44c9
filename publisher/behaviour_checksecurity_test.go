package publisher_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// Credentials and certificates, right and wrong, as real brokers take them.
func TestCheckSecurity(t *testing.T) {
	inSecuredWorlds(t, func(t *testing.T, w *securedWorld) {
		w.createTopic(t, allowed, 1)
		superuser := rocketmq.NewCredentials("superuser", "superuser-secret")
		user := rocketmq.NewCredentials(alice, aliceSecret)

		t.Run("user", func(t *testing.T) {
			report := checkedInTime(t, w.publisher(t, user, nil), allowed)
			t.Log(report)
			requireStatus(t, check.OK, report, check.Credentials, "accepted")
			requireStatus(t, check.OK, report, check.WritePermission, "shows with the first message")
			// Brokers tell their configuration to whoever they know.
			requireStatus(t, check.OK, report, check.MessageSize, "4194304")
			requireStatus(t, check.OK, report, check.Clock, "this machine's")
			require.NoError(t, report.Err())
		})
		t.Run("wrong secret", func(t *testing.T) {
			report := checkedInTime(t, w.publisher(t, rocketmq.NewCredentials(alice, "not the secret"), nil), allowed)
			requireStatus(t, check.Bad, report, check.Credentials, "wrong secret key")
			var refused *rocketmq.AuthenticationError
			require.ErrorAs(t, report.Err(), &refused)
			require.Equal(t, rocketmq.WrongSignature, refused.Reason)
			require.NotContains(t, report.String(), "not the secret")
		})
		t.Run("none", func(t *testing.T) {
			report := checkedInTime(t, w.publisher(t, nil, nil), allowed)
			i := requireStatus(t, check.Bad, report, check.Credentials, "no credentials were sent")
			require.Contains(t, i.Advice, "Cluster.Credentials")
		})
		t.Run("administrator by TLS", func(t *testing.T) {
			if w.embedded != nil {
				superuser = user // there is no other
			}
			report := checkedInTime(t, w.publisher(t, superuser, func(c *publisher.Config) {
				c.Cluster.TLS = &tls.Config{RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{issue(t, w.authority)}}
			}), allowed)
			t.Log(report)
			requireStatus(t, check.OK, report, check.Credentials, "accepted")
			certificates := itemsOf(report, check.TLS)
			require.Len(t, certificates, 2, "of name server and broker")
			for _, i := range certificates {
				require.Equal(t, check.OK, i.Status, report)
				require.Contains(t, i.Reason, "certificate verified: 127.0.0.1, by test authority, until ")
			}
			for _, i := range itemsOf(report, check.Plaintext) {
				require.Equal(t, check.Warning, i.Status, report)
			}
			require.NoError(t, report.Err())
		})
		t.Run("wrong authority", func(t *testing.T) {
			report := checkedInTime(t, w.publisher(t, user, func(c *publisher.Config) {
				c.Cluster.TLS = &tls.Config{RootCAs: newAuthority(t).Pool(), Certificates: []tls.Certificate{issue(t, w.authority)}}
			}), allowed)
			i := requireStatus(t, check.Bad, report, check.TLS, "not verified: 127.0.0.1, by test authority, until ")
			require.Contains(t, i.Advice, "Cluster.TLS.RootCAs")
			var refused *rocketmq.CertificateError
			require.ErrorAs(t, report.Err(), &refused)
			require.False(t, refused.ByPeer)
		})
		t.Run("no client certificate", func(t *testing.T) {
			report := checkedInTime(t, w.publisher(t, user, func(c *publisher.Config) {
				c.Cluster.TLS = &tls.Config{RootCAs: w.authority.Pool()}
			}), allowed)
			i := requireStatus(t, check.Bad, report, check.NameServer, "refused the client's certificate")
			require.Contains(t, i.Advice, "Cluster.TLS.Certificates")
		})
		t.Run("nobody verifies", func(t *testing.T) {
			report := checkedInTime(t, w.publisher(t, user, func(c *publisher.Config) {
				c.Cluster.TLS = &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{issue(t, w.authority)}}
			}), allowed)
			for _, i := range itemsOf(report, check.TLS) {
				require.Equal(t, check.Warning, i.Status, report)
				require.Contains(t, i.Advice, "InsecureSkipVerify")
			}
		})
		t.Run("topics are for administrators", func(t *testing.T) {
			p := w.publisher(t, user, func(c *publisher.Config) { c.CreateTopics.Enabled = true })
			report := checkedInTime(t, p, "not-there")
			requireStatus(t, check.Unknown, report, check.CreateTopics, "needs an administrator's permission")
			require.Empty(t, itemsOf(checkedInTime(t, p, allowed), check.CreateTopics), "nothing is missing")
			err := p.Publish("not-there", newMessage("x"))
			var failed *topics.CreateError
			require.ErrorAs(t, err, &failed)
			require.Empty(t, failed.Created)
			var refused *rocketmq.PermissionError
			require.ErrorAs(t, err, &refused)
			requireOneAttempt(t, failureOf(t, err).Results[0])
			if w.real == nil {
				return
			}
			require.NotContains(t, w.real.Topics(t), "not-there")
			require.NoError(t, w.publisher(t, superuser, nil).CreateTopic(t.Context(), "not-there"))
			require.Contains(t, w.real.Topics(t), "not-there")
		})
	})
}
