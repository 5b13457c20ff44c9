package headers

import "encoding/json"

// AllSubscriptionGroups is the request GET_ALL_SUBSCRIPTIONGROUP_CONFIG, without the
// fields that ask newer brokers for a part. The answer's body is for
// ParseSubscriptionGroups.
//
// Brokers of all versions know it, and it changes nothing. GET_SUBSCRIPTIONGROUP_CONFIG
// creates the group that it asks for, with brokers that may create groups
// (AdminBrokerProcessor.getSubscriptionGroup of 5.3.3 and 5.5.0, but not of 5.1.4).
type AllSubscriptionGroups struct{}

// RequestCode is GET_ALL_SUBSCRIPTIONGROUP_CONFIG.
func (AllSubscriptionGroups) RequestCode() RequestCode { return CodeAllSubscriptionGroups }

// AppendFields appends nothing.
func (AllSubscriptionGroups) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// ParseSubscriptionGroups reads the body of an answer to
// GET_ALL_SUBSCRIPTIONGROUP_CONFIG: all groups that a broker knows, by their names
// (SubscriptionGroupWrapper of 5.5.0, SubscriptionGroupManager.encode of 4.9.7). A number
// or switch that is not there is as NewSubscriptionGroupConfig has it.
func ParseSubscriptionGroups(body []byte) (map[string]SubscriptionGroupConfig, error) {
	const what = "subscription groups"
	var wrapper struct {
		Table map[string]json.RawMessage `json:"subscriptionGroupTable"`
	}
	if err := unmarshalBody(what, body, &wrapper); err != nil {
		return nil, err
	}
	groups := make(map[string]SubscriptionGroupConfig, len(wrapper.Table))
	for name, raw := range wrapper.Table {
		config := NewSubscriptionGroupConfig(name)
		if err := unmarshalBody(what, raw, &config); err != nil {
			return nil, err
		}
		groups[name] = config
	}
	return groups, nil
}
