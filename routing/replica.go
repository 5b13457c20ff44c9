package routing

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// MasterID is the id of each broker's master (MixAll.MASTER_ID of 5.5.0). Slaves
// have higher ones.
const MasterID = 0

// Replica is one server of a broker: its master or a slave.
type Replica struct {
	BrokerName string
	// ID is the broker id.
	ID int64
	// Addr is the host:port.
	Addr string
}

// IsMaster reports whether it is the broker's master.
func (r Replica) IsMaster() bool { return r.ID == MasterID }

func (r Replica) compare(o Replica) int {
	return cmp.Or(strings.Compare(r.BrokerName, o.BrokerName), cmp.Compare(r.ID, o.ID))
}

func (r Replica) is(o Replica) bool { return r.compare(o) == 0 }

// findReplica looks for a replica by broker and id in list, which is sorted. If it
// is not there, at is where it would be.
func findReplica(list []Replica, broker string, id int64) (at int, ok bool) {
	return slices.BinarySearchFunc(list, Replica{BrokerName: broker, ID: id}, Replica.compare)
}

// Replicas returns the masters and slaves of the brokers that have a queue of the
// topic, sorted by broker name, then id. Those with an address that nobody can dial
// are left out, unless the topic's route had a better one before, which counts then.
// The slice is shared: do not modify it.
func (r *Route) Replicas() []Replica { return r.replicas }

// ReadAddrs returns the addresses of Replicas, each once, sorted: the servers that a
// subscriber may read the topic from, and that have to know it. The caller owns the slice.
func (r *Route) ReadAddrs() []string {
	addrs := make([]string, len(r.replicas))
	for i, s := range r.replicas {
		addrs[i] = s.Addr
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// Replica returns the server of a broker to read from. id is the one that the
// broker's last answer to a pull has suggested, MasterID before there was one. A
// slave that is not there is replaced by the one with the next id. With
// onlyThisBroker nothing else replaces it; without, any server of the broker does,
// the one with the lowest id first. It does not allocate.
//
// The rules are those of MQClientInstance.findBrokerAddressInSubscribe (5.5.0), which
// takes the first of a hash table where this takes the lowest id.
func (r *Route) Replica(broker string, id int64, onlyThisBroker bool) (Replica, bool) {
	at, ok := findReplica(r.replicas, broker, id)
	if !ok && id != MasterID {
		at, ok = findReplica(r.replicas, broker, id+1)
	}
	if !ok && !onlyThisBroker {
		at, _ = findReplica(r.replicas, broker, math.MinInt64)
		ok = at < len(r.replicas) && r.replicas[at].BrokerName == broker
	}
	if !ok {
		return Replica{}, false
	}
	return r.replicas[at], true
}
