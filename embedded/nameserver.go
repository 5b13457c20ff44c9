package embedded

import (
	"fmt"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// versionStandardJSON is the first request version that gets standard JSON from
// a name server without asking: 4.9.4 (ClientRequestProcessor of 5.5.0).
const versionStandardJSON headers.Version = 401

// NameServer is one name server of a Cluster. All of them know the same. Its
// methods are safe for concurrent use.
type NameServer struct {
	cluster *Cluster
	srv     *server
}

// Name is the server's name, such as "nameserver-0".
func (n *NameServer) Name() string { return n.srv.name }

// Addr is the address the name server listens on, or did before it was stopped.
func (n *NameServer) Addr() string { return n.srv.address() }

// Stop cuts the connections of the name server and has it refuse new ones. It
// does not wait for requests that are being worked on.
func (n *NameServer) Stop() { n.srv.stop() }

// Start brings a stopped name server back at the address it had.
func (n *NameServer) Start() error {
	if err := n.srv.start(n.srv.address()); err != nil {
		return fmt.Errorf("embedded: start %s: %w", n.srv.name, err)
	}
	return nil
}

// handle answers a request. A name server of 4.9 says nothing to a request that
// it does not know.
func (n *NameServer) handle(rq *request) answer {
	switch rq.code() {
	case headers.CodeTopicRoute:
		return n.route(rq)
	case headers.CodeClusterInfo:
		return answer{body: n.clusterInfo()}
	}
	if !n.cluster.behaviour.five {
		return answer{none: true}
	}
	return refuse(headers.RequestNotSupported, fmt.Sprintf(" request type %d not supported", rq.cmd.Code))
}

func (n *NameServer) disconnected(*conn) {}

// brokerRoute is what name servers know of a topic on one broker.
type brokerRoute struct {
	name, addr string
	read       int
	write      int
	perm       int
}

// route answers GET_ROUTEINFO_BY_TOPIC.
func (n *NameServer) route(rq *request) answer {
	name := rq.cmd.Fields.String("topic")
	if name == "" {
		return refuse(headers.SystemError, "the route request has no field topic")
	}
	var routes []brokerRoute
	for _, b := range n.cluster.brokers {
		if r, ok := b.route(name); ok {
			routes = append(routes, r)
		}
	}
	v := &n.cluster.behaviour
	if len(routes) == 0 {
		return refuse(headers.TopicNotExist, "No topic route info in name server for the topic: "+name+v.faq())
	}
	quoted := rq.cmd.Version >= versionStandardJSON || rq.cmd.Fields.Bool("acceptStandardJsonOnly")
	return answer{body: routeJSON(routes, n.cluster.cfg.orderTopics[name], quoted, v.five)}
}

func (b *Broker) route(name string) (brokerRoute, bool) {
	addr := b.srv.address()
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil || !b.registered {
		return brokerRoute{}, false
	}
	return brokerRoute{name: b.name, addr: addr, read: t.read, write: t.write, perm: t.perm}, true
}

// routeJSON is TopicRouteData as fastjson writes it. The keys of the address
// map are numbers, which old clients want without quotes.
func routeJSON(routes []brokerRoute, orderConf string, quoted, five bool) []byte {
	dst := []byte(`{"brokerDatas":[`)
	for i, r := range routes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendBrokerData(dst, r.name, r.addr, quoted, five)
	}
	dst = append(dst, `],"filterServerTable":{},`...)
	if orderConf != "" {
		dst = append(dst, `"orderTopicConf":`...)
		dst = strconv.AppendQuote(dst, orderConf)
		dst = append(dst, ',')
	}
	dst = append(dst, `"queueDatas":[`...)
	for i, r := range routes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"brokerName":`...)
		dst = strconv.AppendQuote(dst, r.name)
		dst = append(dst, `,"perm":`...)
		dst = strconv.AppendInt(dst, int64(r.perm), 10)
		dst = append(dst, `,"readQueueNums":`...)
		dst = strconv.AppendInt(dst, int64(r.read), 10)
		dst = append(dst, `,"topicSysFlag":0,"writeQueueNums":`...)
		dst = strconv.AppendInt(dst, int64(r.write), 10)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// appendBrokerData appends a BrokerData. Names and addresses are the package's
// own or come from net.Listener, so that quoting them is enough.
func appendBrokerData(dst []byte, name, addr string, quoted, five bool) []byte {
	key := `0`
	if quoted {
		key = `"0"`
	}
	dst = append(dst, `{"brokerAddrs":{`+key+`:`...)
	dst = strconv.AppendQuote(dst, addr)
	dst = append(dst, `},"brokerName":`...)
	dst = strconv.AppendQuote(dst, name)
	dst = append(dst, `,"cluster":"`+clusterName+`"`...)
	if five {
		dst = append(dst, `,"enableActingMaster":false`...)
	}
	return append(dst, '}')
}

// clusterInfo is the body of the answer to GET_BROKER_CLUSTER_INFO, whose keys
// stay without quotes in all versions.
func (n *NameServer) clusterInfo() []byte {
	dst := []byte(`{"brokerAddrTable":{`)
	names := []byte(nil)
	for _, b := range n.cluster.brokers {
		if !b.isRegistered() {
			continue
		}
		if names != nil {
			dst = append(dst, ',')
			names = append(names, ',')
		}
		dst = strconv.AppendQuote(dst, b.name)
		dst = append(dst, ':')
		dst = appendBrokerData(dst, b.name, b.srv.address(), false, n.cluster.behaviour.five)
		names = strconv.AppendQuote(names, b.name)
	}
	dst = append(dst, `},"clusterAddrTable":{`...)
	if names != nil {
		dst = append(dst, `"`+clusterName+`":[`...)
		dst = append(dst, names...)
		dst = append(dst, ']')
	}
	return append(dst, `}}`...)
}

func (b *Broker) isRegistered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.registered
}
