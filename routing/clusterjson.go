package routing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// parseBrokers reads the body of the answer to GET_BROKER_CLUSTER_INFO
// (ClusterInfo of 5.5.0): the brokers, sorted by name; none is no error.
func parseBrokers(body []byte) ([]BrokerInfo, error) {
	var info struct {
		BrokerAddrTable map[string]brokerData `json:"brokerAddrTable"`
	}
	err := decode(body, &info)
	switch {
	case err != nil:
	case info.BrokerAddrTable == nil:
		err = errors.New("brokerAddrTable is missing")
	}
	var list []brokerData
	for name, b := range info.BrokerAddrTable {
		b.BrokerName = name
		list = append(list, b)
	}
	if err == nil {
		err = checkBrokers(list, "brokerAddrTable")
	}
	if err != nil {
		return nil, fmt.Errorf("routing: cluster info: %w: %w", headers.ErrMalformed, err)
	}
	return brokerInfos(list), nil
}

// brokerInfos are the brokers, sorted by name.
func brokerInfos(list []brokerData) []BrokerInfo {
	infos := make([]BrokerInfo, len(list))
	for i, b := range list {
		infos[i] = BrokerInfo{Cluster: b.Cluster, Name: b.BrokerName, Addrs: b.BrokerAddrs, ActingMaster: b.EnableActingMaster}
	}
	slices.SortStableFunc(infos, func(a, b BrokerInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}
