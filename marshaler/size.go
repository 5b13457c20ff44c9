package marshaler

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

const (
	// DefaultMaxPropertiesSize is the longest properties string that is sent
	// unless told otherwise, in bytes. It leaves 767 of the broker's
	// headers.MaxPropertiesSize to what a broker adds on its own: region,
	// cluster, and the original topic of delayed and retried messages.
	DefaultMaxPropertiesSize = 32000

	uniqueKeyLen = 32 // an IPv4 unique id (MessageClientIDSetter of 5.5.0)
)

// PropertiesSize is the length in bytes of the properties string of a message
// with these properties, with the UNIQ_KEY counted in that the producer adds to
// them if they have none.
func PropertiesSize(props []headers.Property) int {
	size := headers.PropertySize(headers.PropertyUniqueKey, "") + uniqueKeyLen
	for _, p := range props {
		if p.Name == headers.PropertyUniqueKey {
			size -= headers.PropertySize(headers.PropertyUniqueKey, "") + uniqueKeyLen
		}
		size += headers.PropertySize(p.Name, p.Value)
	}
	return size
}

// CheckPropertiesSize returns a *PropertiesTooLargeError if PropertiesSize is
// over limit. A limit of zero or less is DefaultMaxPropertiesSize.
func CheckPropertiesSize(props []headers.Property, limit int) error {
	if limit <= 0 {
		limit = DefaultMaxPropertiesSize
	}
	if size := PropertiesSize(props); size > limit {
		return &PropertiesTooLargeError{Size: size, Limit: limit}
	}
	return nil
}
