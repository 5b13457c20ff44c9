package routing

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// KeyHash names the way from an ordering key to a queue. Producers that share
// topics must go the same way for a key to have one queue, so each KeyHash is the
// way of another client: the hash, and the list of queues that it is a place in.
// Its methods are safe for concurrent use. Of a KeyHash that is not IsValid they go the way
// of JavaHash.
type KeyHash string

const (
	// JavaHash is SelectMessageQueueByHash of the Java client over remoting
	// (rocketmq-client 5.5.0): String.hashCode modulo the number of queues,
	// without its sign, in the order of broker name and queue id.
	JavaHash KeyHash = "java"
	// FNV1a is NewHashQueueSelector of rocketmq-client-go v2 (v2.1.3): FNV-1a of
	// 32 bits modulo the number of queues, in the order of JavaHash.
	FNV1a KeyHash = "fnv1a"
	// SipHash is what the clients of RocketMQ 5 (gRPC, rocketmq-clients) do with
	// a message group: SipHash-2-4 modulo the number of queues, in the order in
	// which the name server lists the brokers, Route.Listed
	// (PublishingLoadBalancer.takeMessageQueueByMessageGroup of
	// rocketmq-client-java 5.0.8). Where a broker has more queues to read than to
	// write the client counts the write queues from the other end; this keeps to
	// the same place in the list, but is never a queue that is for reading only.
	//
	// With the proxies of 5.0.0 to 5.5.0 this is not where the message ends up:
	// the client picks an endpoint by it, and the proxy behind that picks the
	// queue anew. See ProxyHash.
	SipHash KeyHash = "siphash"
	// ProxyHash is where a proxy in cluster mode puts a message with a message
	// group, whatever its client has picked: a consistent hash of String.hashCode
	// over the queues of brokers that have a master, in the order of broker name
	// and queue id (SendMessageActivity of rocketmq-proxy 5.5.0, the same in
	// 5.0.0). A proxy in local mode does so with the queues of its own broker. A
	// group of white space alone is none to a proxy.
	ProxyHash KeyHash = "proxy"
)

// IsValid reports whether there is such a hash.
func (h KeyHash) IsValid() bool {
	return slices.Contains([]KeyHash{JavaHash, FNV1a, SipHash, ProxyHash}, h)
}

// Queue returns the queue of the route that messages with the key are written to. It
// reports false if there is none to write. Who asks for many keys calls Sum, Queues
// and Place, and Queues only once for each route.
func (h KeyHash) Queue(route *Route, key string) (MessageQueue, bool) {
	queues := h.Queues(route)
	if len(queues) == 0 {
		return MessageQueue{}, false
	}
	return queues[h.Place(h.Sum(key), len(queues))], true
}

// Sum returns the hash of a key. It does not allocate.
func (h KeyHash) Sum(key string) uint64 {
	switch h {
	case FNV1a:
		return uint64(fnv1a(key))
	case SipHash:
		return sipHash(key)
	default:
		return uint64(headers.HashCode(key))
	}
}

// Queues returns the list of the route's queues to write that the hash is a place in. It
// is empty only if there is none. It may be shared: do not modify it.
func (h KeyHash) Queues(route *Route) []MessageQueue {
	switch h {
	case SipHash:
		return route.Listed()
	case ProxyHash:
		return proxyQueues(route)
	default:
		return route.WriteQueues()
	}
}

// Place returns the place of a sum in a list of n queues, from 0 to n-1; 0 if n is less
// than 1. It does not allocate.
func (h KeyHash) Place(sum uint64, n int) int {
	if n < 1 {
		return 0
	}
	switch h {
	case FNV1a:
		return int(sum % uint64(n))
	case SipHash:
		// LongMath.mod: the remainder that is not negative.
		at := int64(sum) % int64(n)
		if at < 0 {
			at += int64(n)
		}
		return int(at)
	case ProxyHash:
		return consistentHash(sum, n)
	default:
		at := int32(sum) % int32(n)
		if at < 0 {
			at = -at
		}
		return int(at)
	}
}

// proxyQueues is the list that a proxy makes of a route (MessageQueueSelector of
// rocketmq-proxy 5.5.0). It differs from WriteQueues on order topics only, which may
// name queues twice, in any order, and of brokers that are gone.
func proxyQueues(route *Route) []MessageQueue {
	queues := slices.DeleteFunc(slices.Clone(route.WriteQueues()), func(q MessageQueue) bool {
		_, ok := route.BrokerAddr(q.BrokerName)
		return !ok
	})
	if len(queues) == 0 {
		return route.WriteQueues()
	}
	slices.SortFunc(queues, MessageQueue.Compare)
	return slices.Compact(queues)
}

// fnv1a is the hash of hash/fnv's New32a, without its allocations.
func fnv1a(key string) uint32 {
	hash := uint32(2166136261)
	for i := range len(key) {
		hash = (hash ^ uint32(key[i])) * 16777619
	}
	return hash
}

// consistentHash is Guava's Hashing.consistentHash: jump consistent hash (Lamping
// and Veach, 2014).
func consistentHash(state uint64, buckets int) int {
	at := 0
	for {
		state = 2862933555777941757*state + 1
		next := float64(at+1) / (float64(int32(state>>33)+1) / (1 << 31))
		if next >= float64(buckets) {
			return at
		}
		at = int(next)
	}
}
