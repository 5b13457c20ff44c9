package addresses

import (
	"net"
	"strconv"
	"sync"
)

// Ports of a network in memory. They are RocketMQ's own, and mean nothing outside it.
const (
	nameServerPort = 9876
	brokerPort     = 10911
	brokerStep     = 20
)

// Memory gives out addresses of a network in memory. The zero value is ready, and safe for
// concurrent use.
type Memory struct {
	mu                   sync.Mutex // guards the fields below
	nameServers, brokers int        // that have got one
}

// NameServer returns the next address of a name server.
func (m *Memory) NameServer() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nameServers++
	return loopback(nameServerPort + m.nameServers - 1)
}

// Broker returns the next address of a broker. The VIP port below it is free as well.
func (m *Memory) Broker() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.brokers++
	return loopback(brokerPort + brokerStep*(m.brokers-1))
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
