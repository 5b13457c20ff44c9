package rocketmq_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
)

func TestClusterCredentials(t *testing.T) {
	for _, c := range []struct {
		credentials rocketmq.CredentialsProvider
		want        string
	}{
		{nil, ""},
		{rocketmq.NewCredentials("user", "secret"), ""},
		{rocketmq.CredentialsFunc(rocketmq.NewCredentials("user", "secret").Credentials), ""},
		{rocketmq.NewCredentials("", "secret"), "Credentials.AccessKey is empty"},
		{rocketmq.NewCredentials("user", ""), "Credentials.SecretKey is empty"},
		{&rocketmq.Credentials{AccessKey: "user"}, "Credentials.SecretKey is empty"},
		{(*rocketmq.Credentials)(nil), "Credentials is a nil *Credentials"},
		{rocketmq.CredentialsFunc(nil), "Credentials is a nil CredentialsFunc"},
	} {
		err := rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}, Credentials: c.credentials}.Validate()
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, "rocketmq: cluster: "+c.want)
		}
	}
}
