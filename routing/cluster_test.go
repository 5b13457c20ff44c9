package routing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// The masters of the cluster are told; a broker that has replicas only is not.
func TestClusterBrokers(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []routing.Broker
		bad  bool
	}{
		"bare numbers as names": {
			body: `{"brokerAddrTable":{"b":{"brokerAddrs":{0:"10.0.0.2:10911",1:"10.0.0.3:10911"},"brokerName":"b","cluster":"c"},` +
				`"a":{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"a","cluster":"c"},` +
				`"replica":{"brokerAddrs":{1:"10.0.0.4:10911"},"brokerName":"replica","cluster":"c"}},"clusterAddrTable":{"c":["a","b"]}}`,
			want: []routing.Broker{{Name: "a", Addr: "10.0.0.1:10911"}, {Name: "b", Addr: "10.0.0.2:10911"}},
		},
		"standard JSON": {
			body: `{"brokerAddrTable":{"a":{"brokerAddrs":{"0":"10.0.0.1:10911"},"brokerName":"a"}},"clusterAddrTable":{}}`,
			want: []routing.Broker{{Name: "a", Addr: "10.0.0.1:10911"}},
		},
		"no broker":  {body: `{"brokerAddrTable":{},"clusterAddrTable":{}}`},
		"malformed":  {body: `{"brokerAddrTable":{"a":7}}`, bad: true},
		"no cluster": {body: `{}`, bad: true},
		"nowhere": {
			body: `{"brokerAddrTable":{"a":{"brokerAddrs":{"0":"10.0.0.1:10911"}},"b":{"brokerAddrs":{"0":"nowhere"}}}}`,
			want: []routing.Broker{{Name: "a", Addr: "10.0.0.1:10911"}},
		},
		"too many": {body: manyInCluster(1025), bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeServers{tb: t}
			f.become(f.says(headers.Success, test.body))
			table, err := routing.New(routing.Config{NameServers: []string{"ns:9876"}}, f)
			require.NoError(t, err)
			defer table.Close()
			got, err := table.ClusterBrokers(t.Context())
			if test.bad {
				require.ErrorIs(t, err, headers.ErrMalformed)
				var servers *routing.NameServersError
				require.ErrorAs(t, err, &servers)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

// manyInCluster is the cluster info of n brokers.
func manyInCluster(n int) string {
	brokers := make([]string, n)
	for i := range brokers {
		brokers[i] = fmt.Sprintf(`"broker-%d":{"brokerAddrs":{0:"10.0.0.1:10911"}}`, i)
	}
	return `{"brokerAddrTable":{` + strings.Join(brokers, ",") + `}}`
}

// Neither a context that ends nor Close is taken for a failure of a name server.
func TestClusterBrokersEnds(t *testing.T) {
	asked := make(chan struct{})
	f := &fakeServers{tb: t}
	f.become(func(ctx context.Context, _, _ string) (headers.Command, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return headers.Command{}, ctx.Err()
	})
	table, err := routing.New(routing.Config{NameServers: []string{"ns:9876"}}, f)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err = table.ClusterBrokers(ctx)
	require.ErrorIs(t, err, context.Canceled)
	go func() {
		<-asked
		_ = table.Close()
	}()
	_, err = table.ClusterBrokers(t.Context())
	require.ErrorIs(t, err, routing.ErrClosed)
}
