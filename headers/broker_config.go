package headers

import "strings"

// BrokerConfig is the request GET_BROKER_CONFIG, which has no fields. The answer's
// body is for ParseBrokerConfig.
type BrokerConfig struct{}

// RequestCode is GET_BROKER_CONFIG.
func (BrokerConfig) RequestCode() RequestCode { return CodeBrokerConfig }

// AppendFields appends nothing.
func (BrokerConfig) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// ParseBrokerConfig reads the body of an answer to GET_BROKER_CONFIG: a setting a
// line, name=value, neither of them escaped (MixAll.properties2String of 5.5.0).
// Lines without a = are passed over. The settings may hold secrets: show those
// that you know, not all of them.
func ParseBrokerConfig(body []byte) map[string]string {
	settings := make(map[string]string)
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			settings[name] = value
		}
	}
	return settings
}
