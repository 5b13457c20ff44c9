package routing

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TopicInfo is what one name server says of a topic, before any rule that makes a
// Route of it: brokers without a master and without write permission are there,
// and addresses are as the brokers advertise them.
type TopicInfo struct {
	// Queues has the topic's queues on each broker, sorted by its name.
	Queues []TopicQueues
	// Brokers has the topic's brokers, sorted by name.
	Brokers []BrokerInfo
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
	// Addrs is by broker id; the master has 0.
	Addrs map[int64]string
}

// Master returns the address of the master.
func (b BrokerInfo) Master() (addr string, ok bool) {
	addr, ok = b.Addrs[masterID]
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

// InspectTopic asks one name server about a topic. The error is the Invoker's, a
// *headers.StatusError, with TopicNotExist for a topic that the name server does
// not know, or one that wraps headers.ErrMalformed.
func InspectTopic(ctx context.Context, inv Invoker, nameServer, topic string) (*TopicInfo, error) {
	answer, err := invoke(ctx, inv, nameServer, routeRequest{topic: topic})
	if err != nil {
		return nil, err
	}
	var data struct {
		QueueDatas []struct {
			BrokerName     string `json:"brokerName"`
			ReadQueueNums  int32  `json:"readQueueNums"`
			WriteQueueNums int32  `json:"writeQueueNums"`
			Perm           int32  `json:"perm"`
		} `json:"queueDatas"`
		BrokerDatas               []brokerInfoData    `json:"brokerDatas"`
		TopicQueueMappingByBroker map[string]struct{} `json:"topicQueueMappingByBroker"`
	}
	if err := decode(answer.Body, &data); err != nil {
		return nil, malformed(topic, err)
	}
	info := &TopicInfo{Static: len(data.TopicQueueMappingByBroker) > 0}
	for _, q := range data.QueueDatas {
		info.Queues = append(info.Queues, TopicQueues{q.BrokerName, q.ReadQueueNums, q.WriteQueueNums, q.Perm})
	}
	slices.SortFunc(info.Queues, func(a, b TopicQueues) int { return strings.Compare(a.BrokerName, b.BrokerName) })
	info.Brokers = brokerInfos(data.BrokerDatas)
	return info, nil
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
	answer, err := inv.Invoke(ctx, addr, r, nil)
	if err == nil {
		err = answer.Err()
	}
	return answer, err
}

// NameServers returns the addresses that the Table asks. It waits for them if a
// Resolver has not brought them yet; the error is a *ResolveError or ctx's.
func (t *Table) NameServers(ctx context.Context) ([]string, error) {
	if _, err := t.servers.known(ctx); err != nil {
		return nil, err
	}
	return t.servers.addrs(), nil
}

// Registered asks the name servers which brokers are registered, sorted by name.
// Errors name the topic that it is asked for. They are a *NoBrokersError, a
// *NameServersError, or ctx's.
func (t *Table) Registered(ctx context.Context, topic string) ([]BrokerInfo, error) {
	brokers, err := t.servers.registered(ctx, topic)
	if errors.Is(err, errNoBrokers) {
		return nil, &NoBrokersError{Topic: topic, NameServers: t.servers.addrs()}
	}
	return brokers, err
}

// Reload is Route by a lookup that starts after the call, so that it sees whatever
// the caller has changed.
func (t *Table) Reload(ctx context.Context, topic string) (*Route, error) {
	c, err := t.join(ctx, topic, true)
	if err != nil {
		return nil, err
	}
	return t.wait(ctx, topic, c)
}
