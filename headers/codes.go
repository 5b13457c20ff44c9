package headers

import "strconv"

// RequestCode says what a request asks for (org.apache.rocketmq.remoting.protocol.RequestCode).
type RequestCode int32

// The request codes this project speaks, as client or as embedded broker.
const (
	CodeSendMessage             RequestCode = 10
	CodePullMessage             RequestCode = 11
	CodeQueryMessage            RequestCode = 12
	CodeQueryConsumerOffset     RequestCode = 14
	CodeUpdateConsumerOffset    RequestCode = 15
	CodeCreateTopic             RequestCode = 17
	CodeBrokerConfig            RequestCode = 26
	CodeRuntimeInfo             RequestCode = 28
	CodeSearchOffset            RequestCode = 29
	CodeMaxOffset               RequestCode = 30
	CodeMinOffset               RequestCode = 31
	CodeEarliestStoreTime       RequestCode = 32
	CodeViewMessage             RequestCode = 33
	CodeHeartbeat               RequestCode = 34
	CodeUnregisterClient        RequestCode = 35
	CodeConsumerSendBack        RequestCode = 36
	CodeEndTransaction          RequestCode = 37
	CodeConsumerList            RequestCode = 38
	CodeCheckTransactionState   RequestCode = 39
	CodeConsumerIDsChanged      RequestCode = 40
	CodeLockQueues              RequestCode = 41
	CodeUnlockQueues            RequestCode = 42
	CodeCheckClientConfig       RequestCode = 46
	CodePutConfig               RequestCode = 100
	CodeConfig                  RequestCode = 101
	CodeDeleteConfig            RequestCode = 102
	CodeTopicRoute              RequestCode = 105
	CodeClusterInfo             RequestCode = 106
	CodeCreateSubscriptionGroup RequestCode = 200
	CodeAllSubscriptionGroups   RequestCode = 201
	CodeTopicStats              RequestCode = 202
	CodeConsumerConnection      RequestCode = 203
	CodeTopicList               RequestCode = 206
	CodeDeleteSubscriptionGroup RequestCode = 207
	CodeConsumeStats            RequestCode = 208
	CodeDeleteTopic             RequestCode = 215
	CodeDeleteTopicRoute        RequestCode = 216
	CodeResetClientOffset       RequestCode = 220
	CodeConsumerStatus          RequestCode = 221
	CodeResetOffset             RequestCode = 222
	CodeTopicGroups             RequestCode = 300
	CodeConsumerRunningInfo     RequestCode = 307
	CodeConsumeMessageDirectly  RequestCode = 309
	CodeSendMessageV2           RequestCode = 310
	CodeBrokerStats             RequestCode = 315
	CodeSendBatchMessage        RequestCode = 320
	CodeSendReplyMessage        RequestCode = 324
	CodeSendReplyMessageV2      RequestCode = 325
	CodePushReplyMessage        RequestCode = 326
	CodeTopicConfig             RequestCode = 351
	CodeSubscriptionGroup       RequestCode = 352
	CodeLitePullMessage         RequestCode = 361
	CodeRecallMessage           RequestCode = 370
	CodeQueryAssignment         RequestCode = 400
	CodeSetMessageRequestMode   RequestCode = 401
	CodePopMessage              RequestCode = 200050
	CodeAckMessage              RequestCode = 200051
	CodeChangeInvisibleTime     RequestCode = 200053
	CodeNotification            RequestCode = 200054
	CodeBatchAckMessage         RequestCode = 200151
)

// String returns the code's name in RocketMQ, or its number.
func (c RequestCode) String() string {
	switch c {
	case CodeSendMessage:
		return "SEND_MESSAGE"
	case CodePullMessage:
		return "PULL_MESSAGE"
	case CodeQueryMessage:
		return "QUERY_MESSAGE"
	case CodeQueryConsumerOffset:
		return "QUERY_CONSUMER_OFFSET"
	case CodeUpdateConsumerOffset:
		return "UPDATE_CONSUMER_OFFSET"
	case CodeCreateTopic:
		return "UPDATE_AND_CREATE_TOPIC"
	case CodeBrokerConfig:
		return "GET_BROKER_CONFIG"
	case CodeRuntimeInfo:
		return "GET_BROKER_RUNTIME_INFO"
	case CodeSearchOffset:
		return "SEARCH_OFFSET_BY_TIMESTAMP"
	case CodeMaxOffset:
		return "GET_MAX_OFFSET"
	case CodeMinOffset:
		return "GET_MIN_OFFSET"
	case CodeEarliestStoreTime:
		return "GET_EARLIEST_MSG_STORETIME"
	case CodeViewMessage:
		return "VIEW_MESSAGE_BY_ID"
	case CodeHeartbeat:
		return "HEART_BEAT"
	case CodeUnregisterClient:
		return "UNREGISTER_CLIENT"
	case CodeConsumerSendBack:
		return "CONSUMER_SEND_MSG_BACK"
	case CodeEndTransaction:
		return "END_TRANSACTION"
	case CodeConsumerList:
		return "GET_CONSUMER_LIST_BY_GROUP"
	case CodeCheckTransactionState:
		return "CHECK_TRANSACTION_STATE"
	case CodeConsumerIDsChanged:
		return "NOTIFY_CONSUMER_IDS_CHANGED"
	case CodeLockQueues:
		return "LOCK_BATCH_MQ"
	case CodeUnlockQueues:
		return "UNLOCK_BATCH_MQ"
	case CodeCheckClientConfig:
		return "CHECK_CLIENT_CONFIG"
	case CodePutConfig:
		return "PUT_KV_CONFIG"
	case CodeConfig:
		return "GET_KV_CONFIG"
	case CodeDeleteConfig:
		return "DELETE_KV_CONFIG"
	case CodeTopicRoute:
		return "GET_ROUTEINFO_BY_TOPIC"
	case CodeClusterInfo:
		return "GET_BROKER_CLUSTER_INFO"
	case CodeCreateSubscriptionGroup:
		return "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP"
	case CodeAllSubscriptionGroups:
		return "GET_ALL_SUBSCRIPTIONGROUP_CONFIG"
	case CodeTopicStats:
		return "GET_TOPIC_STATS_INFO"
	case CodeConsumerConnection:
		return "GET_CONSUMER_CONNECTION_LIST"
	case CodeTopicList:
		return "GET_ALL_TOPIC_LIST_FROM_NAMESERVER"
	case CodeDeleteSubscriptionGroup:
		return "DELETE_SUBSCRIPTIONGROUP"
	case CodeConsumeStats:
		return "GET_CONSUME_STATS"
	case CodeDeleteTopic:
		return "DELETE_TOPIC_IN_BROKER"
	case CodeDeleteTopicRoute:
		return "DELETE_TOPIC_IN_NAMESRV"
	case CodeResetClientOffset:
		return "RESET_CONSUMER_CLIENT_OFFSET"
	case CodeConsumerStatus:
		return "GET_CONSUMER_STATUS_FROM_CLIENT"
	case CodeResetOffset:
		return "INVOKE_BROKER_TO_RESET_OFFSET"
	case CodeTopicGroups:
		return "QUERY_TOPIC_CONSUME_BY_WHO"
	case CodeConsumerRunningInfo:
		return "GET_CONSUMER_RUNNING_INFO"
	case CodeConsumeMessageDirectly:
		return "CONSUME_MESSAGE_DIRECTLY"
	case CodeSendMessageV2:
		return "SEND_MESSAGE_V2"
	case CodeBrokerStats:
		return "VIEW_BROKER_STATS_DATA"
	case CodeSendBatchMessage:
		return "SEND_BATCH_MESSAGE"
	case CodeSendReplyMessage:
		return "SEND_REPLY_MESSAGE"
	case CodeSendReplyMessageV2:
		return "SEND_REPLY_MESSAGE_V2"
	case CodePushReplyMessage:
		return "PUSH_REPLY_MESSAGE_TO_CLIENT"
	case CodeTopicConfig:
		return "GET_TOPIC_CONFIG"
	case CodeSubscriptionGroup:
		return "GET_SUBSCRIPTIONGROUP_CONFIG"
	case CodeLitePullMessage:
		return "LITE_PULL_MESSAGE"
	case CodeRecallMessage:
		return "RECALL_MESSAGE"
	case CodeQueryAssignment:
		return "QUERY_ASSIGNMENT"
	case CodeSetMessageRequestMode:
		return "SET_MESSAGE_REQUEST_MODE"
	case CodePopMessage:
		return "POP_MESSAGE"
	case CodeAckMessage:
		return "ACK_MESSAGE"
	case CodeChangeInvisibleTime:
		return "CHANGE_MESSAGE_INVISIBLETIME"
	case CodeNotification:
		return "NOTIFICATION"
	case CodeBatchAckMessage:
		return "BATCH_ACK_MESSAGE"
	default:
		return strconv.Itoa(int(c))
	}
}

// ResponseCode says how a request ended (org.apache.rocketmq.remoting.protocol.ResponseCode
// and RemotingSysResponseCode).
type ResponseCode int32

// The response codes a client or the embedded broker has to know. Others may
// arrive: a code is a number first.
const (
	Success                   ResponseCode = 0
	SystemError               ResponseCode = 1
	SystemBusy                ResponseCode = 2
	RequestNotSupported       ResponseCode = 3
	FlushDiskTimeout          ResponseCode = 10
	SlaveNotAvailable         ResponseCode = 11
	FlushSlaveTimeout         ResponseCode = 12
	MessageIllegal            ResponseCode = 13
	ServiceNotAvailable       ResponseCode = 14
	VersionNotSupported       ResponseCode = 15
	NoPermission              ResponseCode = 16
	TopicNotExist             ResponseCode = 17
	PullNotFound              ResponseCode = 19
	PullRetryImmediately      ResponseCode = 20
	PullOffsetMoved           ResponseCode = 21
	QueryNotFound             ResponseCode = 22
	SubscriptionParseFailed   ResponseCode = 23
	SubscriptionNotExist      ResponseCode = 24
	SubscriptionNotLatest     ResponseCode = 25
	SubscriptionGroupNotExist ResponseCode = 26
	FilterDataNotExist        ResponseCode = 27
	InvalidParameter          ResponseCode = 29
	NoBuyerID                 ResponseCode = 204
	NotInCurrentUnit          ResponseCode = 205
	ConsumerNotOnline         ResponseCode = 206
	NoMessage                 ResponseCode = 208
	PollingFull               ResponseCode = 209
	PollingTimeout            ResponseCode = 210
	FlowControl               ResponseCode = 215
	NotLeaderForQueue         ResponseCode = 501
	IllegalOperation          ResponseCode = 604
	GoAway                    ResponseCode = 1500
)

// String returns the code's name in RocketMQ, or its number.
func (c ResponseCode) String() string {
	switch c {
	case Success:
		return "SUCCESS"
	case SystemError:
		return "SYSTEM_ERROR"
	case SystemBusy:
		return "SYSTEM_BUSY"
	case RequestNotSupported:
		return "REQUEST_CODE_NOT_SUPPORTED"
	case FlushDiskTimeout:
		return "FLUSH_DISK_TIMEOUT"
	case SlaveNotAvailable:
		return "SLAVE_NOT_AVAILABLE"
	case FlushSlaveTimeout:
		return "FLUSH_SLAVE_TIMEOUT"
	case MessageIllegal:
		return "MESSAGE_ILLEGAL"
	case ServiceNotAvailable:
		return "SERVICE_NOT_AVAILABLE"
	case VersionNotSupported:
		return "VERSION_NOT_SUPPORTED"
	case NoPermission:
		return "NO_PERMISSION"
	case TopicNotExist:
		return "TOPIC_NOT_EXIST"
	case PullNotFound:
		return "PULL_NOT_FOUND"
	case PullRetryImmediately:
		return "PULL_RETRY_IMMEDIATELY"
	case PullOffsetMoved:
		return "PULL_OFFSET_MOVED"
	case QueryNotFound:
		return "QUERY_NOT_FOUND"
	case SubscriptionParseFailed:
		return "SUBSCRIPTION_PARSE_FAILED"
	case SubscriptionNotExist:
		return "SUBSCRIPTION_NOT_EXIST"
	case SubscriptionNotLatest:
		return "SUBSCRIPTION_NOT_LATEST"
	case FilterDataNotExist:
		return "FILTER_DATA_NOT_EXIST"
	case SubscriptionGroupNotExist:
		return "SUBSCRIPTION_GROUP_NOT_EXIST"
	case InvalidParameter:
		return "INVALID_PARAMETER"
	case NoBuyerID:
		return "NO_BUYER_ID"
	case NotInCurrentUnit:
		return "NOT_IN_CURRENT_UNIT"
	case ConsumerNotOnline:
		return "CONSUMER_NOT_ONLINE"
	case NoMessage:
		return "NO_MESSAGE"
	case PollingFull:
		return "POLLING_FULL"
	case PollingTimeout:
		return "POLLING_TIMEOUT"
	case FlowControl:
		return "FLOW_CONTROL"
	case NotLeaderForQueue:
		return "NOT_LEADER_FOR_QUEUE"
	case IllegalOperation:
		return "ILLEGAL_OPERATION"
	case GoAway:
		return "GO_AWAY"
	default:
		return strconv.Itoa(int(c))
	}
}
