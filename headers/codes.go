package headers

import "strconv"

// RequestCode says what a request asks for (org.apache.rocketmq.remoting.protocol.RequestCode).
type RequestCode int32

// The request codes this project speaks, as client or as embedded broker.
const (
	CodeSendMessage           RequestCode = 10
	CodePullMessage           RequestCode = 11
	CodeQueryMessage          RequestCode = 12
	CodeQueryConsumerOffset   RequestCode = 14
	CodeUpdateConsumerOffset  RequestCode = 15
	CodeCreateTopic           RequestCode = 17
	CodeSearchOffset          RequestCode = 29
	CodeMaxOffset             RequestCode = 30
	CodeMinOffset             RequestCode = 31
	CodeEarliestStoreTime     RequestCode = 32
	CodeViewMessage           RequestCode = 33
	CodeHeartbeat             RequestCode = 34
	CodeUnregisterClient      RequestCode = 35
	CodeConsumerSendBack      RequestCode = 36
	CodeEndTransaction        RequestCode = 37
	CodeConsumerList          RequestCode = 38
	CodeCheckTransactionState RequestCode = 39
	CodeConsumerIDsChanged    RequestCode = 40
	CodeLockQueues            RequestCode = 41
	CodeUnlockQueues          RequestCode = 42
	CodeTopicRoute            RequestCode = 105
	CodeClusterInfo           RequestCode = 106
	CodeConsumerRunningInfo   RequestCode = 307
	CodeSendMessageV2         RequestCode = 310
	CodeSendBatchMessage      RequestCode = 320
	CodeLitePullMessage       RequestCode = 361
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
	case CodeTopicRoute:
		return "GET_ROUTEINFO_BY_TOPIC"
	case CodeClusterInfo:
		return "GET_BROKER_CLUSTER_INFO"
	case CodeConsumerRunningInfo:
		return "GET_CONSUMER_RUNNING_INFO"
	case CodeSendMessageV2:
		return "SEND_MESSAGE_V2"
	case CodeSendBatchMessage:
		return "SEND_BATCH_MESSAGE"
	case CodeLitePullMessage:
		return "LITE_PULL_MESSAGE"
	default:
		return strconv.Itoa(int(c))
	}
}

// ResponseCode says how a request ended (org.apache.rocketmq.remoting.protocol.ResponseCode
// and RemotingSysResponseCode).
type ResponseCode int32

// The response codes a producer or the embedded broker has to know. Others may
// arrive: a code is a number first.
const (
	Success               ResponseCode = 0
	SystemError           ResponseCode = 1
	SystemBusy            ResponseCode = 2
	RequestNotSupported   ResponseCode = 3
	FlushDiskTimeout      ResponseCode = 10
	SlaveNotAvailable     ResponseCode = 11
	FlushSlaveTimeout     ResponseCode = 12
	MessageIllegal        ResponseCode = 13
	ServiceNotAvailable   ResponseCode = 14
	VersionNotSupported   ResponseCode = 15
	NoPermission          ResponseCode = 16
	TopicNotExist         ResponseCode = 17
	PullNotFound          ResponseCode = 19
	PullRetryImmediately  ResponseCode = 20
	PullOffsetMoved       ResponseCode = 21
	QueryNotFound         ResponseCode = 22
	SubscriptionNotExist  ResponseCode = 24
	SubscriptionNotLatest ResponseCode = 25
	InvalidParameter      ResponseCode = 29
	NoBuyerID             ResponseCode = 204
	NotInCurrentUnit      ResponseCode = 205
	FlowControl           ResponseCode = 215
	NotLeaderForQueue     ResponseCode = 501
	IllegalOperation      ResponseCode = 604
	GoAway                ResponseCode = 1500
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
	case SubscriptionNotExist:
		return "SUBSCRIPTION_NOT_EXIST"
	case SubscriptionNotLatest:
		return "SUBSCRIPTION_NOT_LATEST"
	case InvalidParameter:
		return "INVALID_PARAMETER"
	case NoBuyerID:
		return "NO_BUYER_ID"
	case NotInCurrentUnit:
		return "NOT_IN_CURRENT_UNIT"
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
