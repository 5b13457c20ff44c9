// Package routing knows which queues a topic has and where each broker lives,
// from a cache that the name server refills.
//
// A [Route] has two views. Publishers write queues of brokers that have a master
// ([Table.Route], [Route.WriteQueues], [Table.BrokerAddr]). Subscribers read queues, more
// or fewer, from masters and slaves ([Table.ReadRoute], [Route.ReadQueues],
// [Table.Replica]). One lookup serves both, and what a topic lacks in one view is no
// error in the other. [KeyHash] says which queue an ordering key belongs to.
//
// A [Table] answers from immutable snapshots. A topic that is not cached is
// looked up once, however many callers wait for it; each caller waits with its
// own context. One goroutine looks every cached topic up again at an interval,
// and [Table.Refresh] does so at once when a send shows that a route is wrong.
//
// A name server answers "not here" (code 17) for a topic that does not exist,
// but also for one whose brokers are restarting, and for every topic when it
// has only just started. So bad news - no such topic, no queue to publish to,
// no broker - is believed only when no other name server knows better, and a
// route that was good once is kept when its topic disappears: the sends tell
// whether the brokers are gone.
//
// Where the name servers are is a list in the [Config], or what a [Resolver] says
// time and again, such as [HTTPResolver] and [DNSResolver].
//
// The package opens no connections of its own, but for what an HTTPResolver and a
// DNSResolver ask. It needs one method, [Invoker], and imports
// the standard library and the headers package only. Every error it returns
// means that nothing was sent to a broker.
package routing
