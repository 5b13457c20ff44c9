package headers

// QueryAssignment is the request QUERY_ASSIGNMENT, which brokers know from 5.0.0 on. It
// has no fields: what it says is in the body, see QueryAssignmentData.
type QueryAssignment struct{}

// RequestCode is QUERY_ASSIGNMENT.
func (QueryAssignment) RequestCode() RequestCode { return CodeQueryAssignment }

// AppendFields appends nothing.
func (QueryAssignment) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// QueryAssignmentData is the body of QUERY_ASSIGNMENT, as JSON (QueryAssignmentRequestBody
// of 5.5.0). A broker answers clients whose heartbeat it has had.
type QueryAssignmentData struct {
	ClientID      string       `json:"clientId"`
	ConsumerGroup string       `json:"consumerGroup"`
	MessageModel  MessageModel `json:"messageModel"`
	// Strategy is the name of one, such as "AVG".
	Strategy string `json:"strategyName"`
	Topic    string `json:"topic"`
}

// Encode returns the body's bytes.
func (d *QueryAssignmentData) Encode() ([]byte, error) {
	return encodeBody("query of an assignment", d)
}

// ParseQueryAssignmentData reads the body of QUERY_ASSIGNMENT.
func ParseQueryAssignmentData(body []byte) (QueryAssignmentData, error) {
	return parseBody[QueryAssignmentData]("query of an assignment", body)
}

// RequestMode says how a group is to read a topic
// (org.apache.rocketmq.common.message.MessageRequestMode of 5.5.0).
type RequestMode string

// The modes.
const (
	RequestModePull RequestMode = "PULL"
	RequestModePop  RequestMode = "POP"
)

// AssignmentData is the body of the answer to QUERY_ASSIGNMENT, as JSON
// (QueryAssignmentResponseBody of 5.5.0). Nil assignments say that nothing changes, empty
// ones that the client has no queue.
type AssignmentData struct {
	Assignments []Assignment `json:"messageQueueAssignments"`
}

// Assignment is a queue of a client; its QueueID is -1 for all queues of the broker, which
// is so for RequestModePop (org.apache.rocketmq.common.message.MessageQueueAssignment of
// 5.5.0).
type Assignment struct {
	Queue MessageQueue `json:"messageQueue"`
	Mode  RequestMode  `json:"mode"`
}

// Encode returns the body's bytes.
func (d *AssignmentData) Encode() ([]byte, error) { return encodeBody("assignment", d) }

// ParseAssignmentData reads the body of the answer to QUERY_ASSIGNMENT.
func ParseAssignmentData(body []byte) (AssignmentData, error) {
	return parseBody[AssignmentData]("assignment", body)
}

// SetMessageRequestMode is the request SET_MESSAGE_REQUEST_MODE. It has no fields: what it
// says is in the body, see SetMessageRequestModeData.
type SetMessageRequestMode struct{}

// RequestCode is SET_MESSAGE_REQUEST_MODE.
func (SetMessageRequestMode) RequestCode() RequestCode { return CodeSetMessageRequestMode }

// AppendFields appends nothing.
func (SetMessageRequestMode) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// SetMessageRequestModeData is the body of SET_MESSAGE_REQUEST_MODE, as JSON
// (SetMessageRequestModeRequestBody of 5.5.0).
type SetMessageRequestModeData struct {
	ConsumerGroup string      `json:"consumerGroup"`
	Mode          RequestMode `json:"mode"`
	// PopShareQueues is of how many other members each pops the queues as well; 0 or less
	// is all.
	PopShareQueues int32  `json:"popShareQueueNum"`
	Topic          string `json:"topic"`
}

// Encode returns the body's bytes.
func (d *SetMessageRequestModeData) Encode() ([]byte, error) { return encodeBody("request mode", d) }

// ParseSetMessageRequestModeData reads the body of SET_MESSAGE_REQUEST_MODE.
func ParseSetMessageRequestModeData(body []byte) (SetMessageRequestModeData, error) {
	return parseBody[SetMessageRequestModeData]("request mode", body)
}
