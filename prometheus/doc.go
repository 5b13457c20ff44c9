// Package promrocketmq has metrics for Prometheus of the publishers and subscribers of
// watermill-rocketmq.
//
//	metrics, err := promrocketmq.New(promrocketmq.Config{}) // registers with the default registry
//
// Give its hooks to each publisher and subscriber, and each of them to it:
//
//	pub, err := publisher.New(publisher.Config{Hooks: []publisher.Hooks{metrics.PublisherHooks()}, ...}, logger)
//	metrics.AddPublisher(pub)
//
//	sub, err := subscriber.New(subscriber.Config{Hooks: []subscriber.Hooks{metrics.SubscriberHooks()}, ...}, logger)
//	metrics.AddSubscriber(sub)
//
// The hooks count what happens. AddPublisher and AddSubscriber are for what there is at the
// moment: waiting messages, messages in flight, connections, routes. That is asked for at each
// scrape, from the memory of this process. The lag of a group is with the brokers, and PollLag
// asks them in the background if you want it to:
//
//	go metrics.PollLag(ctx, sub, promrocketmq.LagConfig{})
//
// The package starts no goroutine. dashboard.json beside this file is a dashboard for Grafana
// with all metrics.
//
// # Publishers
//
//	rocketmq_publisher_messages_total{topic,outcome}          messages whose result is final: stored, not_sent,
//	                                                          may_be_stored; oneway for one that was sent and wants no answer
//	rocketmq_publisher_message_duration_seconds{topic}        from the call until the result, failures too (histogram)
//	rocketmq_publisher_retried_messages_total{topic}          messages that were to be sent again
//	rocketmq_publisher_attempts_total{broker,code}            requests by the broker's answer (SUCCESS, SYSTEM_BUSY, ...),
//	                                                          or else CodeNotSent, CodeNoAnswer, CodeOneway
//	rocketmq_publisher_attempt_duration_seconds{broker}       time of a request (histogram)
//	rocketmq_publisher_request_messages{topic}                messages in a request (histogram)
//	rocketmq_publisher_request_size_bytes{topic}              size of a request's body (histogram)
//	rocketmq_publisher_trace_records_dropped_total            records of message trace that were lost
//	rocketmq_publisher_waiting_messages, _waiting_bytes       what Config.Waiting bounds
//	rocketmq_publisher_calls_in_flight                        calls that Close would wait for
//	rocketmq_publisher_requests_in_flight                     send requests under way
//	rocketmq_publisher_open_transactions
//
// # Subscribers
//
//	rocketmq_subscriber_deliveries_total{topic,group,delivery}        messages that receivers took: first, again
//	rocketmq_subscriber_acks_total{topic,group}
//	rocketmq_subscriber_nacks_total{topic,group}                      also of handlers that took too long
//	rocketmq_subscriber_releases_total{topic,group}                   messages that went back unanswered
//	rocketmq_subscriber_processing_duration_seconds{topic,group}      how long handlers had messages (histogram)
//	rocketmq_subscriber_lease_renewals_total{topic,group}             POP
//	rocketmq_subscriber_lease_losses_total{topic,group}               POP: others may get the message meanwhile
//	rocketmq_subscriber_dead_letters_total{topic,group}
//	rocketmq_subscriber_dead_letter_failures_total{topic,group}       tries that are made again
//	rocketmq_subscriber_unreadable_messages_total{topic,group}
//	rocketmq_subscriber_fetch_messages{topic,group}                   messages in a broker's answer (histogram)
//	rocketmq_subscriber_rebalances_total{topic,group}                 Pull: changes of this member's queues
//	rocketmq_subscriber_queues{topic,group}                           Pull, and Config.Ordered: queues of this member
//	rocketmq_subscriber_in_flight_messages, _in_flight_bytes{topic,group}   what Config.MaxInFlight bounds
//	rocketmq_subscriber_handed_out_messages{topic,group}              those of them that handlers have
//	rocketmq_subscriber_pending_acks{topic,group}                     acks that brokers have not confirmed
//	rocketmq_subscriber_lag_messages{topic,group}                     messages that the group has not read (PollLag)
//	rocketmq_subscriber_lag_failures_total{topic,group}               questions that brokers did not answer (PollLag)
//
// With Pull, fetches and rebalances of the group's retry topic have its name, %RETRY%<group>. Its
// messages are counted with the topic that they were published to.
//
// # Connections and routes
//
//	rocketmq_client_connections                                       to brokers and name servers
//	rocketmq_client_requests_in_flight                                without an answer yet
//	rocketmq_client_route_updated_timestamp_seconds{rocketmq_topic}   when name servers last gave the route
//	rocketmq_client_route_write_queues, _read_queues{rocketmq_topic}
//
// A rocketmq.Client that several publishers and subscribers are lent is counted once.
//
// # Labels
//
// topic is Watermill's name, rocketmq_topic the broker's, broker the broker's name, group the
// consumer group, empty for a subscriber that has none. No label holds an id, a key or an address.
// Config.MaxTopics bounds how many topics are told apart; the rest are Other. All time series
// of a topic begin with its first message, so that the first failure shows as an increase.
//
// One Metrics is enough for a process: its metrics are sums over all publishers, and over all
// subscribers of a group. To tell publishers apart, make several with a label each:
//
//	promrocketmq.New(promrocketmq.Config{
//		Registerer: prometheus.WrapRegistererWith(prometheus.Labels{"publisher": "orders"}, prometheus.DefaultRegisterer),
//	})
//
// # Histograms
//
// Each histogram is classic and native at once. A server that scrapes native histograms
// takes those, and others the buckets. The queries of the dashboard work with either.
package promrocketmq
