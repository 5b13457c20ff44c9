package admin

import "encoding/json"

// TopicList is the body of the answer to GET_ALL_TOPIC_LIST_FROM_NAMESERVER.
type TopicList struct {
	Topics []string `json:"topicList"`
}

// GroupList is the body of the answer to QUERY_TOPIC_CONSUME_BY_WHO.
type GroupList struct {
	Groups []string `json:"groupList"`
}

// TopicConfig is the body of the answer to GET_TOPIC_CONFIG, of a topic whose queues are
// its own (TopicConfigAndQueueMapping of 5.5.0).
type TopicConfig struct {
	Attributes map[string]string `json:"attributes"`
	Order      bool              `json:"order"`
	Perm       int               `json:"perm"`
	Read       int               `json:"readQueueNums"`
	FilterType string            `json:"topicFilterType"`
	Name       string            `json:"topicName"`
	SysFlag    int               `json:"topicSysFlag"`
	Write      int               `json:"writeQueueNums"`
}

// MarshalJSON writes what is the same for all topics as well.
func (c TopicConfig) MarshalJSON() ([]byte, error) {
	type plain TopicConfig
	c.FilterType = "SINGLE_TAG"
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	return json.Marshal(plain(c))
}
