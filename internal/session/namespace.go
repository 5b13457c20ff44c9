package session

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// fieldNamespaced and fieldNamespace are MixAll's RPC_REQUEST_HEADER_NAMESPACED_FIELD and
// ..._NAMESPACE_FIELD (5.5.0), of the second kind of namespace (NamespaceRpcHook): two ext
// fields of each request, beside names that stay as they are. The first kind is a part of
// names, see package topicname.
const (
	fieldNamespaced = "nsd"
	fieldNamespace  = "ns"
)

// namespaceFields are the ext fields of every request.
func (c *Config) namespaceFields() headers.FieldList {
	if c.NamespaceV2 == "" {
		return nil
	}
	return headers.FieldList{{Name: fieldNamespaced, Value: "true"}, {Name: fieldNamespace, Value: c.NamespaceV2}}
}

// Admit returns an error, that of Config.TooOld, if the broker that is connected is of a
// version that knows nothing of Config.NamespaceV2. It would take a request for one
// about the topic of that name that everybody has.
func (m *Member) Admit(ctx context.Context, addr string) error {
	if m.s.cfg.NamespaceV2 == "" {
		return nil
	}
	version, err := m.Version(ctx, addr)
	if err != nil {
		return err
	}
	if version < headers.Version5_0_0 {
		return m.s.cfg.TooOld(addr, version)
	}
	return nil
}
