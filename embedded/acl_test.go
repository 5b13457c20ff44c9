package embedded_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
)

// Frames that the Java client of 5.5.0 has signed are let in, unless somebody
// else's secret key, or a changed body, makes the signature a wrong one.
func TestACLTakesWhatJavaSigned(t *testing.T) {
	java := embedded.User{AccessKey: "rocketmq", SecretKey: "12345678", Publish: []string{"g2_topic"}}
	for _, frame := range []string{"50", "51", "52"} {
		cluster := start(t, embedded.WithACL(java), embedded.WithTopic("g2_topic", 4))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		raw := golden(t, frame)
		c.writeBytes(raw)
		answer := c.receive()
		require.NoError(t, answer.Err(), frame)

		raw[len(raw)-2]++ // in the body, or where there is none in the header
		if frame != "52" {
			c.writeBytes(raw)
			answer = c.receive()
			require.Equal(t, "check signature failed.", string(answer.Remark), frame)
		}
		other := java
		other.SecretKey = "87654321"
		require.NoError(t, cluster.SetUsers(other))
		c.writeBytes(golden(t, frame))
		answer = c.receive()
		require.Equal(t, "check signature failed.", string(answer.Remark), frame)
	}
}

// The answers of each version, as real ones gave them (4.9.7, 5.1.4, 5.5.0), the
// Java exceptions without the place in the source.
func TestACLAnswers(t *testing.T) {
	const acl1 = "org.apache.rocketmq.acl.common.AclException: "
	user := embedded.User{AccessKey: "user", SecretKey: "secret", Publish: []string{"mine"}}
	root := embedded.User{AccessKey: "root", SecretKey: "secret", Superuser: true}
	off := embedded.User{AccessKey: "off", SecretKey: "secret", Disabled: true}
	sign := func(r headers.Request, body string, u embedded.User) headers.Request {
		return headers.Sign(r, []byte(body), u.AccessKey, u.SecretKey, "")
	}
	batch := message("theirs")
	batch.Batch = true
	consumer := `{"clientID":"c","producerDataSet":[],"consumerDataSet":[{"groupName":"g"}]}`
	for _, c := range []struct {
		name    string
		request headers.Request
		body    string
		by      embedded.User
		remarks [2]string // of ACL 1.0 and 2.0, empty where it is let in
	}{
		{"nobody", message("mine"), "x", embedded.User{}, [2]string{"No accessKey is configured", "username cannot be null."}},
		{"stranger", message("mine"), "x", embedded.User{AccessKey: "him", SecretKey: "x"}, [2]string{"No acl config for him", "User:him is not found."}},
		{
			"wrong secret", message("mine"), "x",
			embedded.User{AccessKey: "user", SecretKey: "x"},
			[2]string{"Check signature failed for accessKey=user", "check signature failed."},
		},
		{"his topic", message("mine"), "x", user, [2]string{}},
		{
			"another topic", message("theirs"), "x", user,
			[2]string{"No default permission for topic:theirs", "User:user has no permission to access Topic:theirs from 127.0.0.1, no matched policies."},
		},
		{"superuser", message("theirs"), "x", root, [2]string{}},
		{"producer's heartbeat", headers.Heartbeat{}, `{"clientID":"c","producerDataSet":[{"groupName":"g"}],"consumerDataSet":[]}`, user, [2]string{}},
		{
			"consumer's heartbeat",
			headers.Heartbeat{},
			consumer, user,
			[2]string{"No default permission for group:g", "User:user has no permission to access Group:g from 127.0.0.1, no matched policies."},
		},
		{"goodbye", &headers.UnregisterClient{ClientID: "c", ProducerGroup: "g"}, "", user, [2]string{}},
		{"unsigned heartbeat", headers.Heartbeat{}, consumer, embedded.User{}, [2]string{"No accessKey is configured", "username cannot be null."}},
		{"switched off", message("mine"), "x", off, [2]string{"No acl config for off", "User:off is disabled."}},
	} {
		for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
			for _, version := range []headers.Version{headers.Version4_9_7, headers.Version5_1_4, headers.Version5_5_0} {
				users := []embedded.User{user, root}
				acl, code, prefix := 0, headers.SystemError, acl1
				if version == headers.Version5_5_0 {
					users = append(users, off)
					acl, code, prefix = 1, headers.NoPermission, ""
				}
				cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithACL(users...))
				client := dial(t, cluster, cluster.Broker(0).Addr())
				client.serialization = s
				request := c.request
				if c.by.AccessKey != "" {
					request = sign(request, c.body, c.by)
				}
				answer := client.call(request, []byte(c.body))
				if c.remarks[acl] == "" {
					require.NoError(t, answer.Err(), "%s in %d", c.name, version)
					continue
				}
				require.Equal(t, code, headers.ResponseCode(answer.Code), "%s in %d", c.name, version)
				require.Equal(t, prefix+c.remarks[acl], string(answer.Remark), "%s in %d", c.name, version)
				require.Equal(t, headers.JSON, answer.Serialization, "4.9.7 too answers so, from its hook")
			}
		}
	}
}

// Batches need a permission on their topic, but not in 4.9.
func TestACLOfBatches(t *testing.T) {
	user := embedded.User{AccessKey: "user", SecretKey: "secret"}
	for version, want := range map[headers.Version]headers.ResponseCode{
		headers.Version4_9_7: headers.Success, headers.Version5_1_4: headers.SystemError, headers.Version5_5_0: headers.NoPermission,
	} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithACL(user))
		h := message("theirs")
		h.Batch = true
		body := batchBody(t, "one", "two")
		answer := dial(t, cluster, cluster.Broker(0).Addr()).call(headers.Sign(h, body, "user", "secret", ""), body)
		require.Equal(t, want, headers.ResponseCode(answer.Code), "version %d", version)
	}
}

func TestACLUsers(t *testing.T) {
	for _, c := range []struct {
		opts []embedded.Option
		want string
	}{
		{[]embedded.Option{embedded.WithACL(embedded.User{AccessKey: "a"})}, "no secret key"},
		{[]embedded.Option{embedded.WithACL(embedded.User{AccessKey: "a", SecretKey: "b"}, embedded.User{AccessKey: "a", SecretKey: "c"})}, "there twice"},
		{[]embedded.Option{embedded.WithACL(embedded.User{AccessKey: "a", SecretKey: "b", Disabled: true}), embedded.WithVersion(headers.Version5_1_4)}, "disabled"},
	} {
		_, err := embedded.Start(c.opts...)
		require.ErrorContains(t, err, c.want)
	}
	cluster := start(t, embedded.InMemory())
	require.ErrorContains(t, cluster.SetUsers(), "WithACL")
	cluster = start(t, embedded.InMemory(), embedded.WithACL())
	require.ErrorContains(t, cluster.SetUsers(embedded.User{SecretKey: "a"}), "no access key")
}

// Servers that ask for certificates take no requests from a client without.
func TestMutualTLS(t *testing.T) {
	authority, err := testcert.NewAuthority()
	require.NoError(t, err)
	own, err := authority.Issue()
	require.NoError(t, err)
	server := embedded.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
	})
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, server, embedded.WithTLSRequired())
		for _, addr := range []string{cluster.Broker(0).Addr(), cluster.NameServers()[0]} {
			known := &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1", Certificates: []tls.Certificate{own}}
			newClient(t, tls.Client(dial(t, cluster, addr).conn, known)).call(routeOf("TBW102"), nil) // any answer will do
			unknown := known.Clone()
			unknown.Certificates = nil
			conn := tls.Client(dial(t, cluster, addr).conn, unknown)
			require.NoError(t, conn.Handshake(), "the refusal comes after the client's half")
			_, err := conn.Read(make([]byte, 1))
			require.ErrorContains(t, err, "certificate required")
		}
	})
}
