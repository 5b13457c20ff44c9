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
		BrokerAddrTable map[string]brokerInfoData `json:"brokerAddrTable"`
	}
	err := decode(body, &info)
	if err == nil && info.BrokerAddrTable == nil {
		err = errors.New("brokerAddrTable is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("routing: cluster info: %w: %w", headers.ErrMalformed, err)
	}
	var list []brokerInfoData
	for name, b := range info.BrokerAddrTable {
		b.BrokerName = name
		list = append(list, b)
	}
	return brokerInfos(list), nil
}

// brokerInfoData is BrokerData of 5.5.0.
type brokerInfoData struct {
	Cluster     string           `json:"cluster"`
	BrokerName  string           `json:"brokerName"`
	BrokerAddrs map[int64]string `json:"brokerAddrs"`
}

func brokerInfos(list []brokerInfoData) []BrokerInfo {
	infos := make([]BrokerInfo, len(list))
	for i, b := range list {
		infos[i] = BrokerInfo{Cluster: b.Cluster, Name: b.BrokerName, Addrs: b.BrokerAddrs}
	}
	slices.SortFunc(infos, func(a, b BrokerInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}
