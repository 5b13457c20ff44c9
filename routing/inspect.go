package routing

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TopicInfo is what one name server says of a topic, before any rule of a view:
// brokers without a master and without permissions are there, those without a queue of
// the topic as well, and addresses are as the brokers advertise them.
type TopicInfo struct {
	// Queues has the topic's queues on each broker, sorted by its name.
	Queues []TopicQueues
	// Brokers has the topic's brokers, sorted by name.
	Brokers []BrokerInfo
	// OrderConf is the configuration of an order topic (orderTopicConf), such as
	// "broker-a:4;broker-b:4". It is empty for other topics.
	OrderConf string
	// Static says that it is a static topic, which cannot be published to.
	Static bool
}

// TopicQueues is a topic on one broker.
type TopicQueues struct {
	BrokerName string
	// Read and Write are the numbers of queues.
	Read, Write int32
	// Perm is a sum of headers.PermRead, headers.PermWrite and
	// headers.PermInherit.
	Perm int32
}

// BrokerInfo is what a name server knows of a broker and its replicas.
type BrokerInfo struct {
	Cluster string
	Name    string
	// Addrs is by broker id; the master has MasterID.
	Addrs map[int64]string
	// ActingMaster says that the broker's slaves may stand in for its master
	// (enableActingMaster of 5.x). Name servers list the one that does as the master.
	ActingMaster bool
}

func (b BrokerInfo) equal(o BrokerInfo) bool {
	return b.Cluster == o.Cluster && b.Name == o.Name && b.ActingMaster == o.ActingMaster && maps.Equal(b.Addrs, o.Addrs)
}

// Master returns the address of the master.
func (b BrokerInfo) Master() (addr string, ok bool) {
	addr, ok = b.Addrs[MasterID]
	return addr, ok
}

// Broker returns what is known of a broker.
func (t *TopicInfo) Broker(name string) (BrokerInfo, bool) {
	at := slices.IndexFunc(t.Brokers, func(b BrokerInfo) bool { return b.Name == name })
	if at < 0 {
		return BrokerInfo{}, false
	}
	return t.Brokers[at], true
}

// equal reports whether both say the same of a topic.
func (t *TopicInfo) equal(o *TopicInfo) bool {
	return t.Static == o.Static && t.OrderConf == o.OrderConf && slices.Equal(t.Queues, o.Queues) && slices.EqualFunc(t.Brokers, o.Brokers, BrokerInfo.equal)
}

// InspectTopic asks one name server about a topic. The error is the Invoker's, a
// *headers.StatusError, with TopicNotExist for a topic that the name server does
// not know, or one that wraps headers.ErrMalformed.
func InspectTopic(ctx context.Context, inv Invoker, nameServer, topic string) (*TopicInfo, error) {
	answer, err := invoke(ctx, inv, nameServer, routeRequest{topic: topic})
	if err != nil {
		return nil, err
	}
	data, err := parseRouteData(topic, answer.Body)
	if err != nil {
		return nil, err
	}
	return data.info(), nil
}

// InspectBrokers asks one name server which brokers are registered, sorted by
// name. Errors are as those of InspectTopic; a peer that knows routes only, such
// as a proxy, answers RequestNotSupported.
func InspectBrokers(ctx context.Context, inv Invoker, nameServer string) ([]BrokerInfo, error) {
	answer, err := invoke(ctx, inv, nameServer, clusterRequest{})
	if err != nil {
		return nil, err
	}
	return parseBrokers(answer.Body)
}

func invoke(ctx context.Context, inv Invoker, addr string, r headers.Request) (headers.Command, error) {
	return headers.Successful(inv.Invoke(ctx, addr, r, nil))
}

// NameServers returns the addresses that the Table asks. It waits for them if a
// Resolver has not brought them yet; the error is a *ResolveError or ctx's.
func (t *Table) NameServers(ctx context.Context) ([]string, error) {
	if _, err := t.cache.servers.known(ctx); err != nil {
		return nil, err
	}
	return t.cache.servers.addrs(), nil
}

// Registered asks the name servers which brokers are registered, sorted by name.
// Errors name the topic that it is asked for. They are a *NoBrokersError, a
// *NameServersError, or ctx's.
func (t *Table) Registered(ctx context.Context, topic string) ([]BrokerInfo, error) {
	brokers, err := t.cache.servers.registered(ctx, topic)
	if errors.Is(err, errNoBrokers) {
		return nil, &NoBrokersError{Topic: topic, NameServers: t.cache.servers.addrs()}
	}
	return brokers, err
}

// Reload is Route by a lookup that starts after the call, so that it sees whatever
// the caller has changed.
func (t *Table) Reload(ctx context.Context, topic string) (*Route, error) {
	return t.reload(ctx, topic, Writing)
}
