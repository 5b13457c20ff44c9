package headers

// TopicStats is the header of GET_TOPIC_STATS_INFO (GetTopicStatsInfoRequestHeader
// of 5.5.0). Of all versions from 4.9 on, it is the request that tells whether one
// broker has a topic: it answers TOPIC_NOT_EXIST if not.
type TopicStats struct{ Topic string }

// RequestCode is GET_TOPIC_STATS_INFO.
func (h *TopicStats) RequestCode() RequestCode { return CodeTopicStats }

// AppendFields appends the fields.
func (h *TopicStats) AppendFields(dst []byte, s Serialization) []byte {
	return AppendField(dst, s, "topic", h.Topic)
}
