//go:build unix

package realbroker

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
)

// Brokers with an ACL know the superuser and the users they were given, and
// nobody else; servers with a certificate show it, and plain clients still work.
func TestACLAndTLS(t *testing.T) {
	Require(t)
	authority, err := testcert.NewAuthority()
	require.NoError(t, err)
	own, err := authority.Issue()
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile, err := testcert.Write(dir, "server", own)
	require.NoError(t, err)
	caFile, err := testcert.WriteAuthority(dir, authority)
	require.NoError(t, err)
	publisher := User{Name: "publisher", Secret: "publisher-secret", Publish: []string{"orders"}}

	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			c := Start(t, Config{
				Version: version,
				ACL:     &ACL{Users: []User{publisher}},
				TLS:     &TLS{CertFile: certFile, KeyFile: keyFile, ClientCAFile: caFile},
			})
			c.CreateTopic(t, "orders", 1)
			require.Len(t, c.JavaProduce(t, "orders", 3), 3)
			require.Len(t, c.Read(t, "orders", 3), 3)
			assert.Contains(t, c.Admin(t, "brokerStatus", "-b", c.Broker(0).Addr), "msgPutTotalTodayNow", "mqadmin is let in")

			heartbeat := []byte(`{"clientID":"c","producerDataSet":[],"consumerDataSet":[]}`)
			const heartbeatCode = 34
			code := func(fields map[string]string) int {
				answer, _, err := ask(t.Context(), c.Broker(0).Addr, heartbeatCode, fields, heartbeat)
				require.NoError(t, err)
				return answer
			}
			refused := map[bool]int{true: 1, false: 16}[c.cfg.oldACL()]
			assert.Equal(t, 0, code(signed(nil, heartbeat, publisher)))
			assert.Equal(t, refused, code(nil), "no signature")
			assert.Equal(t, refused, code(signed(nil, heartbeat, User{Name: "publisher", Secret: "wrong-secret"})))
			assert.Equal(t, refused, code(signed(nil, heartbeat, User{Name: "somebody", Secret: "publisher-secret"})))

			for _, addr := range []string{c.NameServers()[0], c.Broker(0).Addr} {
				conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{own}})
				require.NoError(t, err)
				require.NoError(t, conn.Close())
				_, err = tls.Dial("tcp", addr, &tls.Config{})
				var untrusted *tls.CertificateVerificationError
				require.ErrorAs(t, err, &untrusted)
				conn, err = tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.Pool()})
				if err == nil { // the refusal comes after the client's half of the handshake
					_, err = conn.Read(make([]byte, 1))
					require.NoError(t, conn.Close())
				}
				require.ErrorContains(t, err, "remote error", "a client without a certificate")
			}
		})
	}
}

func TestConfigACL(t *testing.T) {
	short := &ACL{Users: []User{{Name: "user", Secret: "secret"}}}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Version: "5.5.0", ACL: short}, ""},
		{Config{Version: "4.9.7", ACL: short}, "more than 6 characters"},
		{Config{Version: "5.2.0", ACL: short}, "more than 6 characters"},
		{Config{Version: "5.3.0", ACL: short}, ""},
		{Config{Version: "5.5.0", ACL: &ACL{Users: []User{{Name: "user"}}}}, "no secret"},
		{Config{Version: "5.1.4", ACL: &ACL{Users: []User{{Name: "longuser", Secret: "longsecret", Disabled: true}}}}, "cannot disable"},
		{Config{Version: "5.1.4", Proxy: true, ACL: &ACL{}}, "a proxy of RocketMQ 5.1.4"},
		{Config{Version: "5.5.0", TLS: &TLS{CertFile: "x"}}, "KeyFile"},
	} {
		c.cfg.setDefaults()
		err := c.cfg.validate()
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
}
