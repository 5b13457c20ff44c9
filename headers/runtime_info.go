package headers

import (
	"encoding/json"
	"errors"
	"fmt"
)

// RuntimeInfo is the request GET_BROKER_RUNTIME_INFO, which has no fields. The
// answer's body is for ParseRuntimeInfo.
type RuntimeInfo struct{}

// RequestCode is GET_BROKER_RUNTIME_INFO.
func (RuntimeInfo) RequestCode() RequestCode { return CodeRuntimeInfo }

// AppendFields appends nothing.
func (RuntimeInfo) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// ParseRuntimeInfo reads the body of an answer to GET_BROKER_RUNTIME_INFO, a
// KVTable (AdminBrokerProcessor.prepareRuntimeInfo of 5.5.0).
func ParseRuntimeInfo(body []byte) (map[string]string, error) {
	var info struct {
		Table map[string]string `json:"table"`
	}
	err := json.Unmarshal(body, &info)
	if err == nil && info.Table == nil {
		err = errors.New("table is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("headers: %w: runtime info: %w", ErrMalformed, err)
	}
	return info.Table, nil
}
