package routing

import (
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// clusterInfo is the body of the answer to GET_BROKER_CLUSTER_INFO (ClusterInfo
// of 5.5.0), as far as the question is whether there is any broker.
type clusterInfo struct {
	BrokerAddrTable map[string]struct{} `json:"brokerAddrTable"`
}

// parseClusterInfo returns nil if body names any broker, errNoBrokers if not.
func parseClusterInfo(body []byte) error {
	var info clusterInfo
	err := decode(body, &info)
	if err == nil && info.BrokerAddrTable == nil {
		err = errors.New("brokerAddrTable is missing")
	}
	if err != nil {
		return fmt.Errorf("routing: cluster info: %w: %w", headers.ErrMalformed, err)
	}
	if len(info.BrokerAddrTable) == 0 {
		return errNoBrokers
	}
	return nil
}
