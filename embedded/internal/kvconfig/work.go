package kvconfig

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// Answer is what a name server says to a request for values.
type Answer struct {
	Code   headers.ResponseCode
	Remark string
	Fields headers.FieldAppender // nil for none
}

// Work does what PUT_KV_CONFIG, GET_KV_CONFIG or DELETE_KV_CONFIG asks for
// (DefaultRequestProcessor of 5.5.0).
func (t *Table) Work(cmd *headers.Command) Answer {
	namespace, hasNamespace := cmd.Fields.Get("namespace")
	key, hasKey := cmd.Fields.Get("key")
	if !hasNamespace || !hasKey {
		return Answer{Code: headers.SystemError, Remark: "namespace or key is null"}
	}
	switch headers.RequestCode(cmd.Code) {
	case headers.CodePutConfig:
		if !t.Put(string(namespace), string(key), cmd.Fields.String("value")) {
			return Answer{Code: headers.SystemError, Remark: "embedded name server: it keeps no more values"}
		}
	case headers.CodeDeleteConfig:
		t.Delete(string(namespace), string(key))
	default:
		value, ok := t.Get(string(namespace), string(key))
		if !ok {
			return Answer{Code: headers.QueryNotFound, Remark: "No config item, Namespace: " + string(namespace) + " Key: " + string(key)}
		}
		return Answer{Fields: headers.FieldList{{Name: "value", Value: value}}}
	}
	return Answer{}
}
