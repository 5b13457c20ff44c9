// Package embedded runs RocketMQ name servers and brokers inside the process,
// for tests and examples. They speak the real wire protocol, over TCP on
// loopback or over a network in memory, store messages in memory, and let faults
// happen on demand. Official Java clients produce to them and read from them.
//
//	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
//	if err != nil {
//		return err
//	}
//	defer cluster.Close()
//	// publisher.Config{Cluster: cluster.Config()}
//
// Cluster.WatermillMessages and AwaitWatermillMessages show what was published to a
// Watermill topic, as Watermill messages. Cluster.Messages and AwaitMessages show what
// is stored in a RocketMQ topic, as brokers keep it.
//
// A cluster in memory uses no sockets and waits on condition variables, timers
// and channels only. In a testing/synctest bubble the clock is therefore the
// test's: long polls, idle connections and delayed answers take no real time, and
// the bubble reports a goroutine that Close left behind.
//
// # What it does
//
// Brokers answer sends (10, 310, 320), pulls with long polling and tag filter (11,
// 361), queries (12, 33), consumer offsets and queue bounds (14, 15, 29 to 32),
// heartbeats and groups (34, 35, 38, 200, 203, 204, 352, with the push 40), queue
// locks (41, 42), messages that are sent back (36), resets of offsets (222, before
// 5.2.0 with the push 220), the assignment of queues (400, 401), POP (200050, 200051,
// 200053, 200054, 200151), topic creation with attributes (17), topic statistics (202),
// the end of transactions (37, with the check 39, see WithTransactionCheck), the recall of
// timer messages (370), and, as far as this broker goes by them, configuration (26) and runtime
// information (28). Name servers answer routes (105) and cluster information
// (106). Everything else gets REQUEST_CODE_NOT_SUPPORTED.
//
// Checks and codes are those of real brokers, probed on 5.5.0 and 4.9.7 and in
// part compared with captured frames. WithVersion chooses between them. From
// 5.0.0 on:
//
//   - answers have JSON headers, whatever the request had (WithBinaryAnswers)
//   - a send answer carries the message's unique id as transactionId, and the
//     broker makes one for messages that have none
//   - stored properties get MSG_REGION, TRACE_ON, CLUSTER and UNIQ_KEY
//   - a send without a body fails with SYSTEM_ERROR, and INNER_NUM is refused
//   - topics have attributes, such as message.type
//   - heartbeat answers have fields, pull answers have two more
//   - an offset query for an unknown topic, or with setZeroIfNotFound=false, is
//     answered with QUERY_NOT_FOUND
//
// and from 5.3.0 on bad queue ids and topic names are INVALID_PARAMETER. Before
// 5.0.0:
//
//   - answers are in the serialization of the request
//   - stored properties get CLUSTER, lose WAIT, and have no final separator
//   - an empty body is stored, timer properties are ignored
//   - a transaction can be ended after its CHECK_IMMUNITY_TIME_IN_SECONDS
//   - a name server does not answer a request code that it does not know
//   - 361 is not supported, bad parameters are SYSTEM_ERROR
//   - a batch needs no permission on its topic, only a known user (WithACL)
//
// and before 5.3.0 refused access (WithACL) is SYSTEM_ERROR with an AclException,
// from then on NO_PERMISSION.
//
// # Delays
//
// Delay levels (WithDelayLevels) and, from 5.0.0 on, timer messages (WithMaxDelay,
// WithoutTimers) wait in SCHEDULE_TOPIC_XXXX and rmq_sys_wheel_timer until their
// time has come by the cluster's clock. It goes with the process, so with a
// synctest bubble; outside one Cluster.Advance moves it on. As on real brokers a
// timer is put back to the second before its time and delivered when that is over,
// and a delivered message keeps REAL_TOPIC, REAL_QID and, of a timer,
// TIMER_OUT_MS. From 5.3.3 on a timer message has a recall handle; recalls are
// forbidden unless WithRecall allows them, as real brokers have it.
//
// # POP
//
// Pops are answered as by brokers in their default configuration, with check points, a
// retry topic (WithRetryTopicV2) and batches in order; or as with
// popConsumerKVServiceEnable, see WithPopKV. A message that is not acknowledged is
// delivered again 0.1 s after its invisible time, where real brokers take seconds:
// WithReviveLag. Contended has a pop find all queues locked by others, and
// Answer(headers.Success, "") for ACK_MESSAGE loses an acknowledgement. What a broker
// draws lots for, it draws from a fixed seed: where a pop of any queue begins, and
// whether it looks at the retry topic first, which one of five does.
//
// How late a pop is, is judged by the clock of the process, which clients go by; all
// other times of pops are those of the cluster.
//
// # What it does not model
//
// Messages:
//
//   - Of delayed messages: flow control, the rolling of timers that are far ahead
//     (TIMER_ROLL_TIMES), and the 0.1 s between two looks at a delay level. A half
//     message with a delay is refused with SYSTEM_ERROR and a remark that says so.
//   - The log of decided transactions (RMQ_SYS_TRANS_OP_HALF_TOPIC), which a real
//     5.x broker writes up to 3 s late: here a decision counts at once. Half
//     messages are not dropped for their age, and rounds of checks before a
//     message's CHECK_IMMUNITY_TIME_IN_SECONDS do not count as checks of it.
//   - Request-reply (324 to 326), message traces.
//   - Batch consume queues (inner batches), compaction topics, static topics, light
//     message queues. Order topics with WithOrderTopic and SetOrderTopic only.
//   - The limit on the whole of a stored message; only body and properties are
//     measured.
//
// Storage: nothing is on disk and nothing is ever late. A message can be pulled
// and found by key as soon as its send is answered; a real broker takes up to
// some milliseconds to show it and about a second to index it. Codes 10, 11 and
// 12 come from StoreThenAnswer only. A stopped broker keeps its memory, and
// forgets no member of a group but by the end of its connection. A killed one loses the
// offsets that were committed since its last save, every 5 s, and no message.
//
// Cluster: brokers are masters without slaves, so pulls are never sent elsewhere.
// Name servers share what they know and know it at once: there is no registration
// every 30 s, none is missing after a name server's restart, and a killed broker
// stays in the routes until Broker.Unregister instead of for 120 s. Of the system
// topics there is TBW102; those of delays and transactions come with their first
// message, and the trace topic is one to make. There is no HA port, no proxy, and a
// VIP port with WithVIPPort only. Namespaces are as in real brokers: those of v1 are
// a part of names, and the fields of v2 (nsd and ns) mean nothing.
//
// Security: access control only as WithACL sets it up: users are superusers or
// may publish to topics, and nobody is let in by address. Without it signatures
// are not looked at. TLS only as WithTLS sets it up: without it, there is no
// self-signed certificate.
//
// Memory: messages are kept without a bound, unless WithRetention sets one. Of topics,
// groups, consumer offsets, queue locks, check points and recalls a broker keeps 65,536 each, and
// refuses with SYSTEM_ERROR what would be one more.
//
// Consumers: no SQL92 filters (as a broker without enablePropertyFilter), no flow
// control, no cold-data control. Group names are not checked. Of POP: queues of a topic
// beyond the first 1,024, separate retry queues, light topics, a bound on messages that
// are not acknowledged (enablePopMessageThreshold), and the subscriptions that pops
// register for a group without members.
//
// Wire: a first frame of less than 12 bytes is judged at once, where 5.x waits
// for more; PROXY protocol lines are not understood. Requests of one connection
// are worked on in order, so that only Delay, DelayAnswer and long polls change
// the order of answers. The language in answers is GO. GO_AWAY comes from
// Answer and SetCondition. Remarks that carry a Java exception are shorter than the real ones.
package embedded
