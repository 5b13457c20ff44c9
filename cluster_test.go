package rocketmq_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestClusterDefaults(t *testing.T) {
	require.Equal(t, rocketmq.Cluster{
		Headers: rocketmq.BinaryHeaders, DialTimeout: 3 * time.Second, HeartbeatInterval: 30 * time.Second, RouteRefreshInterval: 30 * time.Second,
	}, rocketmq.Cluster{}.WithDefaults())

	// A field that is set is not overwritten by its default, and the receiver stays.
	set := rocketmq.Cluster{Headers: rocketmq.JSONHeaders, DialTimeout: 1, HeartbeatInterval: 1, RouteRefreshInterval: 1}
	require.Equal(t, set, set.WithDefaults())
	var zero rocketmq.Cluster
	zero.WithDefaults()
	require.Equal(t, rocketmq.Cluster{}, zero)
}

// One mistake is one fault, which begins with the name of its field.
func TestClusterFaults(t *testing.T) {
	valid := []string{"127.0.0.1:9876"}
	require.NoError(t, rocketmq.Cluster{NameServers: valid}.Validate())
	for want, c := range map[string]rocketmq.Cluster{
		"NameServers is empty, want at least one host:port, or a Resolver":                              {},
		`NameServers[0] is "a:1,b:1", want host:port: one entry per address, not a list`:                {NameServers: []string{"a:1,b:1"}},
		"NameServers and Resolver are both set, want one of them":                                       {NameServers: valid, Resolver: routing.DNSResolver{Names: valid}},
		"Resolver: HTTPResolver: the URL is none, want http://host:port/path or https://host:port/path": {Resolver: routing.NewHTTPResolver("host:8080")},
		"ResolveInterval is 1m0s without a Resolver":                                                    {NameServers: valid, ResolveInterval: time.Minute},
		`Namespace is "tenant.1", want letters, digits and _-|`:                                         {NameServers: valid, Namespace: "tenant.1"},
		`Namespace is "a%b", want letters, digits and _-|`:                                              {NameServers: valid, Namespace: "a%b"},
		`NamespaceV2 is "\xff", want at most 120 bytes of UTF-8`:                                        {NameServers: valid, NamespaceV2: "\xff"},
		`Namespace ("a") and NamespaceV2 ("b") are both set, want one of them`:                          {NameServers: valid, Namespace: "a", NamespaceV2: "b"},
		`Headers is "xml", want binary or json`:                                                         {NameServers: valid, Headers: "xml"},
		"DialTimeout is -1ns, want 0 or more":                                                           {NameServers: valid, DialTimeout: -1},
		"HeartbeatInterval is -1ns, want 0 or more":                                                     {NameServers: valid, HeartbeatInterval: -1},
		"RouteRefreshInterval is -1ns, want 0 or more":                                                  {NameServers: valid, RouteRefreshInterval: -1},
	} {
		require.EqualError(t, c.Validate(), "rocketmq: cluster: "+want)
	}
	require.ErrorContains(t, rocketmq.Cluster{NameServers: valid, Namespace: strings.Repeat("n", 121)}.Validate(), "Namespace is")
}

// All faults are found at once, and each is an error of its own.
func TestClusterFaultsAreApart(t *testing.T) {
	err := rocketmq.Cluster{NameServers: []string{"a:1", "no port", "none"}, Headers: "xml", DialTimeout: -1}.Validate()
	var joined interface{ Unwrap() []error }
	require.True(t, errors.As(err, &joined))
	var begin []string
	for _, fault := range joined.Unwrap() {
		field, _, _ := strings.Cut(fault.Error(), " ")
		begin = append(begin, field)
	}
	require.Equal(t, []string{"NameServers[1]", "NameServers[2]", "Headers", "DialTimeout"}, begin)
}

func TestSerialization(t *testing.T) {
	require.Equal(t, headers.JSON, rocketmq.JSONHeaders.Serialization())
	require.Equal(t, headers.Binary, rocketmq.BinaryHeaders.Serialization())
	require.Equal(t, headers.Binary, rocketmq.HeaderFormat("").Serialization())
}
