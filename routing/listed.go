package routing

import "slices"

// Listed returns the queues to publish to in the order in which the name server
// lists their brokers. It is the list that clients of RocketMQ 5 which speak to a
// proxy choose from: the proxy hands the brokers on as they come, without sorting
// them, and without regard to the configuration of an order topic
// (RouteActivity.queryRoute of rocketmq-proxy 5.5.0). Name servers list brokers in
// the order of a hash table, so two of them may differ. The slice is shared: do
// not modify it.
func (r *Route) Listed() []MessageQueue {
	if r.listed == nil {
		return r.queues
	}
	return r.listed
}

// list notes the order of the name server's answer, if it is another one.
func (r *Route) list(listed []MessageQueue) {
	if len(listed) > 0 && !slices.Equal(listed, r.queues) {
		r.listed = listed
	}
}
