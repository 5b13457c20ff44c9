package routing

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// routeRequest is the header of GET_ROUTEINFO_BY_TOPIC (GetRouteInfoRequestHeader
// of 5.5.0). Name servers from 4.9.4 on answer with standard JSON when the flag
// is set or the request's version is 401 or more; older ones do not know either.
type routeRequest struct{ topic string }

func (routeRequest) RequestCode() headers.RequestCode { return headers.CodeTopicRoute }

func (r routeRequest) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendField(dst, s, "topic", r.topic)
	return headers.AppendBoolField(dst, s, "acceptStandardJsonOnly", true)
}

// clusterRequest is GET_BROKER_CLUSTER_INFO, which has no fields.
type clusterRequest struct{}

func (clusterRequest) RequestCode() headers.RequestCode { return headers.CodeClusterInfo }

func (clusterRequest) AppendFields(dst []byte, _ headers.Serialization) []byte { return dst }
