package headers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// constants returns the constants of the named type that this package's source
// declares, whatever file they are in.
func constants(t *testing.T, typeName string) map[string]int32 {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := map[string]int32{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for node := range ast.Preorder(parsed) {
			spec, ok := node.(*ast.ValueSpec)
			if !ok {
				continue
			}
			if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typeName {
				continue
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			require.True(t, ok, "%s is a plain number", spec.Names[0].Name)
			code, err := strconv.ParseInt(literal.Value, 0, 32)
			require.NoError(t, err)
			found[spec.Names[0].Name] = int32(code)
		}
	}
	return found
}

func requireNames(t *testing.T, codes map[string]int32, text func(int32) string) {
	t.Helper()
	byName, byCode := map[string]string{}, map[int32]string{}
	for constant, code := range codes {
		name := text(code)
		require.Regexp(t, regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`), name, "%s (%d) has no name", constant, code)
		require.Empty(t, byName[name], "%s and %s are both %s", constant, byName[name], name)
		require.Empty(t, byCode[code], "%s and %s are both %d", constant, byCode[code], code)
		byName[name], byCode[code] = constant, constant
	}
}

func TestRequestCodeNames(t *testing.T) {
	codes := constants(t, "RequestCode")
	require.GreaterOrEqual(t, len(codes), 26)
	requireNames(t, codes, func(c int32) string { return headers.RequestCode(c).String() })
	require.Equal(t, "SEND_MESSAGE_V2", headers.CodeSendMessageV2.String())
	require.Equal(t, "200055", headers.RequestCode(200055).String())
	require.Equal(t, "-1", headers.RequestCode(-1).String())
}

func TestResponseCodeNames(t *testing.T) {
	codes := constants(t, "ResponseCode")
	require.GreaterOrEqual(t, len(codes), 24)
	requireNames(t, codes, func(c int32) string { return headers.ResponseCode(c).String() })
	require.Equal(t, "GO_AWAY", headers.GoAway.String())
	require.Equal(t, "2018", headers.ResponseCode(2018).String())
}

// The codes as org.apache.rocketmq.remoting.protocol has them: a wrong number
// would make a request mean something else.
func TestCodesAreRocketMQs(t *testing.T) {
	requests := map[headers.RequestCode]string{
		10: "SEND_MESSAGE", 11: "PULL_MESSAGE", 12: "QUERY_MESSAGE", 14: "QUERY_CONSUMER_OFFSET", 15: "UPDATE_CONSUMER_OFFSET",
		17: "UPDATE_AND_CREATE_TOPIC", 29: "SEARCH_OFFSET_BY_TIMESTAMP", 30: "GET_MAX_OFFSET", 31: "GET_MIN_OFFSET",
		32: "GET_EARLIEST_MSG_STORETIME", 33: "VIEW_MESSAGE_BY_ID", 34: "HEART_BEAT", 35: "UNREGISTER_CLIENT",
		36: "CONSUMER_SEND_MSG_BACK", 37: "END_TRANSACTION", 38: "GET_CONSUMER_LIST_BY_GROUP", 39: "CHECK_TRANSACTION_STATE",
		40: "NOTIFY_CONSUMER_IDS_CHANGED", 41: "LOCK_BATCH_MQ", 42: "UNLOCK_BATCH_MQ", 105: "GET_ROUTEINFO_BY_TOPIC",
		106: "GET_BROKER_CLUSTER_INFO", 307: "GET_CONSUMER_RUNNING_INFO", 309: "CONSUME_MESSAGE_DIRECTLY", 221: "GET_CONSUMER_STATUS_FROM_CLIENT", 201: "GET_ALL_SUBSCRIPTIONGROUP_CONFIG", 310: "SEND_MESSAGE_V2", 320: "SEND_BATCH_MESSAGE",
		361: "LITE_PULL_MESSAGE", 370: "RECALL_MESSAGE",
		200: "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", 203: "GET_CONSUMER_CONNECTION_LIST", 220: "RESET_CONSUMER_CLIENT_OFFSET",
		222: "INVOKE_BROKER_TO_RESET_OFFSET", 352: "GET_SUBSCRIPTIONGROUP_CONFIG", 400: "QUERY_ASSIGNMENT", 401: "SET_MESSAGE_REQUEST_MODE",
		200050: "POP_MESSAGE", 200051: "ACK_MESSAGE", 200053: "CHANGE_MESSAGE_INVISIBLETIME", 200054: "NOTIFICATION", 200151: "BATCH_ACK_MESSAGE",
	}
	for code, name := range requests {
		require.Equal(t, name, code.String())
	}
	responses := map[headers.ResponseCode]string{
		0: "SUCCESS", 1: "SYSTEM_ERROR", 2: "SYSTEM_BUSY", 3: "REQUEST_CODE_NOT_SUPPORTED", 10: "FLUSH_DISK_TIMEOUT",
		11: "SLAVE_NOT_AVAILABLE", 12: "FLUSH_SLAVE_TIMEOUT", 13: "MESSAGE_ILLEGAL", 14: "SERVICE_NOT_AVAILABLE",
		15: "VERSION_NOT_SUPPORTED", 16: "NO_PERMISSION", 17: "TOPIC_NOT_EXIST", 19: "PULL_NOT_FOUND", 20: "PULL_RETRY_IMMEDIATELY",
		21: "PULL_OFFSET_MOVED", 22: "QUERY_NOT_FOUND", 24: "SUBSCRIPTION_NOT_EXIST", 25: "SUBSCRIPTION_NOT_LATEST",
		29: "INVALID_PARAMETER", 204: "NO_BUYER_ID", 205: "NOT_IN_CURRENT_UNIT", 215: "FLOW_CONTROL", 501: "NOT_LEADER_FOR_QUEUE",
		604: "ILLEGAL_OPERATION", 1500: "GO_AWAY",
		23: "SUBSCRIPTION_PARSE_FAILED", 26: "SUBSCRIPTION_GROUP_NOT_EXIST", 206: "CONSUMER_NOT_ONLINE", 208: "NO_MESSAGE", 209: "POLLING_FULL",
		210: "POLLING_TIMEOUT",
	}
	for code, name := range responses {
		require.Equal(t, name, code.String())
	}
}
