package routing_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestErrorTexts(t *testing.T) {
	servers := []string{"ns1:9876", "ns2:9876"}
	refused := errors.New("connection refused")
	for _, tc := range []struct {
		err  error
		text string
	}{
		{
			&routing.NoRouteError{Topic: "t", DefaultTopic: "TBW102", NameServers: servers},
			`routing: topic "t" does not exist and the brokers do not create it (neither it nor default topic "TBW102" has a route on name server ns1:9876, ns2:9876): create it, such as by mqadmin updateTopic`,
		},
		{
			&routing.NoBrokersError{Topic: "t", NameServers: servers},
			`routing: topic "t" has no route: no broker is registered at name server ns1:9876, ns2:9876`,
		},
		{
			&routing.NoQueueError{Topic: "t", Reason: routing.NoMaster},
			`routing: topic "t" has no queue to publish to: no writable broker has a master`,
		},
		{
			&routing.NameServersError{Topic: "t", Servers: []*routing.NameServerError{
				{Addr: "ns1:9876", Err: refused},
				{Addr: "ns2:9876", Err: &headers.StatusError{Code: headers.SystemError, Remark: "name server not ready"}},
			}},
			`routing: topic "t": no name server gave a usable answer: ns1:9876: connection refused; ns2:9876: answered SYSTEM_ERROR (1): name server not ready`,
		},
	} {
		require.EqualError(t, tc.err, tc.text)
	}
	all := &routing.NameServersError{Servers: []*routing.NameServerError{{Addr: "a:1", Err: refused}, {Addr: "b:1", Err: routing.ErrNoAnswer}}}
	require.ErrorIs(t, all, refused)
	require.ErrorIs(t, all, routing.ErrNoAnswer)
	var one *routing.NameServerError
	require.ErrorAs(t, all, &one)
	require.Equal(t, "a:1", one.Addr)
}
