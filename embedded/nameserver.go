package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/routes"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// versionStandardJSON is the first request version that gets standard JSON from
// a name server without asking (ClientRequestProcessor of 5.5.0).
const versionStandardJSON = headers.Version4_9_4

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
	if _, err := n.srv.start(n.srv.address()); err != nil {
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
		return n.clusterInfo()
	}
	if !n.cluster.behaviour.five {
		return answer{none: true}
	}
	return refuse(headers.RequestNotSupported, fmt.Sprintf(" request type %d not supported", rq.cmd.Code))
}

func (n *NameServer) disconnected(*conn) {}

// route answers GET_ROUTEINFO_BY_TOPIC.
func (n *NameServer) route(rq *request) answer {
	name := rq.cmd.Fields.String("topic")
	if name == "" {
		return refuse(headers.SystemError, "the route request has no field topic")
	}
	var found []routes.Broker
	for _, b := range n.cluster.brokers {
		if r, ok := b.route(name); ok {
			found = append(found, r)
		}
	}
	v := &n.cluster.behaviour
	if len(found) == 0 {
		return refuse(headers.TopicNotExist, "No topic route info in name server for the topic: "+name+v.faq())
	}
	quoted := rq.cmd.Version >= versionStandardJSON || rq.cmd.Fields.Bool("acceptStandardJsonOnly")
	return answer{body: routes.JSON(clusterName, found, n.cluster.orderConfOf(name), quoted, v.five)}
}

func (b *Broker) route(name string) (routes.Broker, bool) {
	addr := b.srv.address()
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil || !b.registered {
		return routes.Broker{}, false
	}
	return routes.Broker{Name: b.name, Addr: addr, Read: t.read, Write: t.write, Perm: b.permissionOf(t)}, true
}

// clusterInfo answers GET_BROKER_CLUSTER_INFO.
func (n *NameServer) clusterInfo() answer {
	var brokers []routes.Broker
	for _, b := range n.cluster.brokers {
		if b.isRegistered() {
			brokers = append(brokers, routes.Broker{Name: b.name, Addr: b.srv.address()})
		}
	}
	return answer{body: routes.ClusterInfo(clusterName, brokers, n.cluster.behaviour.five)}
}

func (b *Broker) isRegistered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.registered
}
