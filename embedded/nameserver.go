package embedded

import (
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/admin"
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
func (n *NameServer) Name() string { return n.srv.Name() }

// Addr is the address the name server listens on, or did before it was stopped.
func (n *NameServer) Addr() string { return n.srv.Addr() }

// Stop cuts the connections of the name server and has it refuse new ones. It
// does not wait for requests that are being worked on.
func (n *NameServer) Stop() { n.srv.Stop() }

// Start brings a stopped name server back at the address it had.
func (n *NameServer) Start() error {
	if _, err := n.srv.Start(n.srv.Addr()); err != nil {
		return fmt.Errorf("embedded: start %s: %w", n.srv.Name(), err)
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
	case headers.CodeTopicList:
		return n.topicList()
	case headers.CodeDeleteTopicRoute:
		return n.removeTopic(rq)
	case headers.CodePutConfig, headers.CodeConfig, headers.CodeDeleteConfig:
		return n.config(rq)
	}
	if !n.cluster.behaviour.Five {
		return answer{none: true}
	}
	return refuse(headers.RequestNotSupported, fmt.Sprintf(" request type %d not supported", rq.cmd.Code))
}

// config answers requests for values that admin tools leave. Like name servers without
// orderMessageEnable, the default, these do not give out what is put into ORDER_TOPIC_CONFIG
// with routes: see SetOrderTopic.
func (n *NameServer) config(rq *request) answer {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	a := n.cluster.kv.Work(&rq.cmd)
	return answer{code: a.Code, remark: a.Remark, fields: a.Fields}
}

// topicList answers GET_ALL_TOPIC_LIST_FROM_NAMESERVER.
func (n *NameServer) topicList() answer {
	names := []string{}
	for _, b := range n.cluster.brokers {
		b.mu.Lock()
		for name, t := range b.topics {
			if b.registered && !t.unlisted {
				names = append(names, name)
			}
		}
		b.mu.Unlock()
	}
	slices.Sort(names)
	return jsonAnswer(admin.TopicList{Topics: slices.Compact(names)})
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
		return refuse(headers.TopicNotExist, "No topic route info in name server for the topic: "+name+v.FAQ())
	}
	quoted := rq.cmd.Version >= versionStandardJSON || rq.cmd.Fields.Bool("acceptStandardJsonOnly")
	return answer{body: routes.JSON(clusterName, found, n.cluster.orderConfOf(name), quoted, v.Five)}
}

func (b *Broker) route(name string) (routes.Broker, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil || !b.registered || t.unlisted {
		return routes.Broker{}, false
	}
	return routes.Broker{Name: b.name, Addr: b.addr, Read: t.read, Write: t.write, Perm: b.permissionOf(t)}, true
}

// clusterInfo answers GET_BROKER_CLUSTER_INFO.
func (n *NameServer) clusterInfo() answer {
	var brokers []routes.Broker
	for _, b := range n.cluster.brokers {
		if r, ok := b.registration(); ok {
			brokers = append(brokers, r)
		}
	}
	return answer{body: routes.ClusterInfo(clusterName, brokers, n.cluster.behaviour.Five)}
}

func (b *Broker) registration() (routes.Broker, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return routes.Broker{Name: b.name, Addr: b.addr}, b.registered
}
