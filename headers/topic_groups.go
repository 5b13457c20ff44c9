package headers

// TopicGroups is the header of QUERY_TOPIC_CONSUME_BY_WHO
// (QueryTopicConsumeByWhoRequestHeader of 4.9.7): a broker answers with the consumer
// groups that have an offset in a queue of the topic, or a member that subscribes to it.
type TopicGroups struct{ Topic string }

// RequestCode is QUERY_TOPIC_CONSUME_BY_WHO.
func (h *TopicGroups) RequestCode() RequestCode { return CodeTopicGroups }

// AppendFields appends the fields.
func (h *TopicGroups) AppendFields(dst []byte, s Serialization) []byte {
	return AppendField(dst, s, "topic", h.Topic)
}

// TopicGroupsData is the body of the answer to QUERY_TOPIC_CONSUME_BY_WHO, as JSON
// (GroupList of 4.9.7).
type TopicGroupsData struct {
	Groups []string `json:"groupList"`
}

// ParseTopicGroupsData reads the body of the answer to QUERY_TOPIC_CONSUME_BY_WHO.
func ParseTopicGroupsData(body []byte) (TopicGroupsData, error) {
	return parseBody[TopicGroupsData]("groups of a topic", body)
}
