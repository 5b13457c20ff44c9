package headers

// GroupRequest is the header of the requests that name a consumer group and nothing
// else: GET_CONSUMER_LIST_BY_GROUP, NOTIFY_CONSUMER_IDS_CHANGED,
// GET_CONSUMER_CONNECTION_LIST and GET_SUBSCRIPTIONGROUP_CONFIG
// (GetConsumerListByGroupRequestHeader and its like of 5.5.0).
type GroupRequest struct {
	Code          RequestCode
	ConsumerGroup string
}

// RequestCode is h.Code.
func (h *GroupRequest) RequestCode() RequestCode { return h.Code }

// groupField is what the group is called in a request of that code.
func groupField(code RequestCode) string {
	if code == CodeSubscriptionGroup {
		return "group"
	}
	return "consumerGroup"
}

// AppendFields appends the group.
func (h *GroupRequest) AppendFields(dst []byte, s Serialization) []byte {
	return AppendField(dst, s, groupField(h.Code), h.ConsumerGroup)
}

// ParseGroupRequest reads the header of any of GroupRequest's requests. The result owns
// its memory.
func ParseGroupRequest(c *Command) (GroupRequest, error) {
	h := GroupRequest{Code: RequestCode(c.Code)}
	name := groupField(h.Code)
	group, ok := c.Fields.Get(name)
	if !ok {
		return GroupRequest{}, malformed("%s without %s", h.Code, name)
	}
	h.ConsumerGroup = string(group)
	return h, nil
}

// ConsumerListData is the body of the answer to GET_CONSUMER_LIST_BY_GROUP, as JSON
// (GetConsumerListByGroupResponseBody of 5.5.0): the client ids of the group's members.
type ConsumerListData struct {
	ClientIDs []string `json:"consumerIdList"`
}

// Encode returns the body's bytes.
func (d *ConsumerListData) Encode() ([]byte, error) { return encodeBody("consumer list", d) }

// ParseConsumerListData reads the body of the answer to GET_CONSUMER_LIST_BY_GROUP.
func ParseConsumerListData(body []byte) (ConsumerListData, error) {
	return parseBody[ConsumerListData]("consumer list", body)
}

// ConsumerConnectionData is the body of the answer to GET_CONSUMER_CONNECTION_LIST, as
// JSON (org.apache.rocketmq.remoting.protocol.body.ConsumerConnection of 5.5.0): who
// consumes in a group, and what.
type ConsumerConnectionData struct {
	Connections []Connection `json:"connectionSet"`
	// Subscriptions by topic, those of the last heartbeat of any member.
	Subscriptions    map[string]SubscriptionData `json:"subscriptionTable"`
	ConsumeType      ConsumeType                 `json:"consumeType,omitempty"`
	MessageModel     MessageModel                `json:"messageModel,omitempty"`
	ConsumeFromWhere ConsumeFromWhere            `json:"consumeFromWhere,omitempty"`
}

// Connection is a client of a group (org.apache.rocketmq.remoting.protocol.body.Connection
// of 5.5.0).
type Connection struct {
	ClientID string `json:"clientId"`
	Address  string `json:"clientAddr"`
	// Language is the name of one, see Language.String.
	Language string  `json:"language,omitempty"`
	Version  Version `json:"version"`
}

// Encode returns the body's bytes.
func (d *ConsumerConnectionData) Encode() ([]byte, error) {
	out := *d
	if out.Connections == nil {
		out.Connections = []Connection{}
	}
	if out.Subscriptions == nil {
		out.Subscriptions = map[string]SubscriptionData{}
	}
	return encodeBody("consumer connections", out)
}

// ParseConsumerConnectionData reads the body of the answer to
// GET_CONSUMER_CONNECTION_LIST.
func ParseConsumerConnectionData(body []byte) (ConsumerConnectionData, error) {
	return parseBody[ConsumerConnectionData]("consumer connections", body)
}
