// Package routes has what name servers say about topics and brokers, as fastjson writes
// it.
package routes

import "strconv"

// Broker is what name servers know of a broker and, in a route, of a topic on it: the
// numbers of queues to read from and to write to, and the permission.
type Broker struct {
	Name, Addr  string
	Read, Write int
	Perm        int
}

// JSON is TopicRouteData as fastjson writes it. The keys of the address
// map are numbers, which old clients want without quotes.
func JSON(cluster string, brokers []Broker, orderConf string, quoted, five bool) []byte {
	dst := []byte(`{"brokerDatas":[`)
	for i, r := range brokers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendBrokerData(dst, cluster, r, quoted, five)
	}
	dst = append(dst, `],"filterServerTable":{},`...)
	if orderConf != "" {
		dst = append(dst, `"orderTopicConf":`...)
		dst = strconv.AppendQuote(dst, orderConf)
		dst = append(dst, ',')
	}
	dst = append(dst, `"queueDatas":[`...)
	for i, r := range brokers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"brokerName":`...)
		dst = strconv.AppendQuote(dst, r.Name)
		dst = append(dst, `,"perm":`...)
		dst = strconv.AppendInt(dst, int64(r.Perm), 10)
		dst = append(dst, `,"readQueueNums":`...)
		dst = strconv.AppendInt(dst, int64(r.Read), 10)
		dst = append(dst, `,"topicSysFlag":0,"writeQueueNums":`...)
		dst = strconv.AppendInt(dst, int64(r.Write), 10)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// appendBrokerData appends a BrokerData. Names and addresses are the package's
// own or come from net.Listener, so that quoting them is enough.
func appendBrokerData(dst []byte, cluster string, b Broker, quoted, five bool) []byte {
	key := `0`
	if quoted {
		key = `"0"`
	}
	dst = append(dst, `{"brokerAddrs":{`+key+`:`...)
	dst = strconv.AppendQuote(dst, b.Addr)
	dst = append(dst, `},"brokerName":`...)
	dst = strconv.AppendQuote(dst, b.Name)
	dst = strconv.AppendQuote(append(dst, `,"cluster":`...), cluster)
	if five {
		dst = append(dst, `,"enableActingMaster":false`...)
	}
	return append(dst, '}')
}

// ClusterInfo is the body of the answer to GET_BROKER_CLUSTER_INFO, whose keys
// stay without quotes in all versions.
func ClusterInfo(cluster string, brokers []Broker, five bool) []byte {
	dst := []byte(`{"brokerAddrTable":{`)
	names := []byte(nil)
	for _, b := range brokers {
		if names != nil {
			dst = append(dst, ',')
			names = append(names, ',')
		}
		dst = strconv.AppendQuote(dst, b.Name)
		dst = append(dst, ':')
		dst = appendBrokerData(dst, cluster, b, false, five)
		names = strconv.AppendQuote(names, b.Name)
	}
	dst = append(dst, `},"clusterAddrTable":{`...)
	if names != nil {
		dst = append(strconv.AppendQuote(dst, cluster), ":["...)
		dst = append(dst, names...)
		dst = append(dst, ']')
	}
	return append(dst, `}}`...)
}
