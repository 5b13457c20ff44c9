// Package embedded runs RocketMQ name servers and brokers inside the process,
// for tests and examples. They speak the real wire protocol, over TCP on
// loopback or over a network in memory, store messages in memory or in RocketMQ's own
// files, and let faults happen on demand. The official Java client and rocketmq-client-go work
// with them as with real brokers: docs/testing.md has the cases that are compared.
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
// Broker.Queues, Groups and Clients show where the messages are, who has consumed how
// much, and who is connected. Package embedded/control has all of it as a page and as
// JSON over HTTP.
//
// On TCP servers listen on free ports of 127.0.0.1, or where WithNameServerAddr and
// WithBrokerAddr say; WithAdvertisedAddr is for clients that reach brokers by another address.
// Command cmd/rocketmq-dev runs a cluster as a program, for clients in other languages.
//
// A cluster in memory uses no sockets and waits on condition variables, timers
// and channels only. In a testing/synctest bubble the clock is therefore the
// test's: long polls, idle connections and delayed answers take no real time, and
// the bubble reports a goroutine that Close left behind.
//
// # What it does
//
// Brokers answer sends (10, 310, 320), replies (324, 325, with the push 326), pulls with long polling and filters (11, 46,
// 361), queries (12, 33), consumer offsets and queue bounds (14, 15, 29 to 32),
// heartbeats and groups (34, 35, 38, 200, 203, 204, 352, with the push 40), queue
// locks (41, 42), messages that are sent back (36), resets of offsets (222, before
// 5.2.0 with the push 220), the assignment of queues (400, 401), POP (200050, 200051,
// 200053, 200054, 200151), topic creation with attributes (17, 351), deletions of topics
// and groups (207, 215), statistics of topics and groups (202, 208, 300, 315),
// the end of transactions (37, with the check 39, see WithTransactionCheck), the recall of
// timer messages (370), and, as far as this broker goes by them, configuration (26) and runtime
// information (28). Name servers answer routes (105), cluster information
// (106), lists of topics (206), deletions of routes (216) and values by key (100 to 102).
// Everything else gets REQUEST_CODE_NOT_SUPPORTED.
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
//   - 361 and 351 are not supported, bad parameters are SYSTEM_ERROR
//   - who deletes a topic leaves the offsets of its groups
//   - a batch needs no permission on its topic, only a known user (WithACL)
//
// and before 5.3.0 refused access (WithACL) is SYSTEM_ERROR with an AclException,
// from then on NO_PERMISSION. Before 5.4.0 the messages of a batch are stored with the
// batch's own properties and those that brokers add, behind their own.
//
// # Filters
//
// Messages are filtered by the hashes of their tags, or by an SQL92 expression over their
// properties: always when they are popped, and with WithPropertyFilter when they are pulled,
// by the expression of the pull or of the group's heartbeats. The grammar is RocketMQ's, with
// what is odd about it: nothing that follows a complete expression is looked at, and a pull
// that brings an expression which is none gets everything. CONTAINS, STARTSWITH and ENDSWITH
// exist from 5.1.3 on. An expression may be nested 1,000 deep.
//
// # Admin tools
//
// mqadmin of 5.5.0 prints of a cluster what it prints of a real one: topicList, topicStatus,
// topicRoute, consumerProgress, consumerConnection, producerConnection, statsAll,
// brokerStatus, clusterList, updateTopic, updateSubGroup, deleteTopic, deleteSubGroup,
// resetOffsetByTime, queryMsgById, queryMsgByKey, queryMsgByOffset, queryMsgByUniqueKey and
// printMsg. See below for what is not there. Messages are counted as real brokers do: the last
// minute is looked at every 10 s, by the cluster's clock.
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
// # Requests and replies
//
// A reply is handed to the client that has made the request, if it is known as a producer,
// and the answer to it waits for the client's, for 10 s at most. It is then stored in
// DefaultCluster_REPLY_TOPIC, handed on or not, unless WithoutStoredReplies is set. As with
// real brokers a client is lost to replies when any of its producer groups says goodbye.
//
// # What it does not model
//
// Messages:
//
//   - Of delayed messages: flow control, the rolling of timers that are far ahead
//     (TIMER_ROLL_TIMES), the 0.1 s between two looks at a delay level, and the order of
//     timers that are due at once. A half message with a delay is refused with
//     SYSTEM_ERROR and a remark that says so.
//   - In memory the log of decided transactions (RMQ_SYS_TRANS_OP_HALF_TOPIC). With Dir it
//     is written at once, by a real 5.x broker up to 3 s late. Half
//     messages are not dropped for their age, and rounds of checks before a
//     message's CHECK_IMMUNITY_TIME_IN_SECONDS do not count as checks of it.
//   - Message traces.
//   - Batch consume queues (inner batches), compaction topics, static topics, light
//     message queues. Order topics with WithOrderTopic and SetOrderTopic only.
//   - The limit on the whole of a stored message; only body and properties are
//     measured.
//
// Storage: in memory, or with Dir in the files of a real broker, which opens them. With Dir the
// topic of a message has at most 127 bytes, as 4.9 reads no other: retry topics as well. But
// for FLUSH_DISK_TIMEOUT a message can be pulled and found by key as soon as its send is
// answered; a real broker takes up to some milliseconds to show it and about a second to index it. Code
// 10 comes when a disk takes longer than WithSyncFlushTimeout, and from StoreThenAnswer, as 11
// and 12. A stopped broker keeps its memory, and forgets a member of a group only when its
// connection ends. A killed one loses the offsets that were committed since its last save,
// every 5 s, and no message. Of a real broker's folder timers that its timerlog has, and check
// points of its pops, are not read.
//
// Cluster: brokers are masters without slaves, so pulls are never sent elsewhere.
// Name servers share what they know and know it at once: there is no registration
// every 30 s, none is missing after a name server's restart, and a killed broker
// stays in the routes until Broker.Unregister instead of for 120 s. Of the system
// topics there are TBW102 and that of replies; those of delays and transactions come with their first
// message, and the trace topic has to be created. There is no HA port, no proxy, and a
// VIP port with WithVIPPort only. Namespaces are as in real brokers: those of v1 are
// a part of names, and the fields of v2 (nsd and ns) mean nothing.
//
// Admin tools: brokerStatus and clusterList have nothing of disks, caches, latencies, rates
// and sizes of thread pools. Numbers of waiting requests and of delays are 0. Of
// the numbers of VIEW_BROKER_STATS_DATA there are TOPIC_PUT_NUMS and GROUP_GET_NUMS. What is put
// into ORDER_TOPIC_CONFIG is not in routes, as without orderMessageEnable, the default. A topic
// that is deleted in a broker is gone from the routes at once, and one that is deleted in name
// servers only comes back after 30 s, as if its brokers registered then.
//
// Security: access control only as WithACL sets it up: users are superusers or
// may publish to topics, and nobody is let in by address. Without it signatures
// are not looked at. TLS only as WithTLS sets it up: without it, there is no
// self-signed certificate.
//
// Memory: of messages 256 MiB are kept, see WithMaxBytes and WithRetention; with Dir those of
// 72 hours, in files, see WithMaxBytes and WithDiskLimits, and a message takes 16 bytes of
// memory, and 8 for each of its keys once somebody has asked for one. Of topics,
// groups, consumer offsets, queue locks, check points and recalls a broker keeps 65,536 each, and
// refuses with SYSTEM_ERROR what would be one more. Name servers keep as many values. Statistics
// are of the first 65,536 topics and groups.
//
// Consumers: SQL92 filters of pulls with WithPropertyFilter only (enablePropertyFilter), no bit
// maps in front of them (enableCalcFilterBitMap), none for retry topics (filterSupportRetry), no
// flow control, no cold-data control. Group names are not checked. Of POP: queues of a topic
// beyond the first 1,024, separate retry queues, light topics, a bound on messages that
// are not acknowledged (enablePopMessageThreshold), and the subscriptions that pops
// register for a group without members.
//
// Wire: a first frame of less than 12 bytes is judged at once, where 5.x waits
// for more; PROXY protocol lines are not understood. Requests of one connection
// are worked on in order, so that only Delay, DelayAnswer, long polls and with Dir
// sends change the order of answers. The language in answers is GO. GO_AWAY comes from
// Answer and SetCondition. Remarks that carry a Java exception are shorter than the real ones.
package embedded
