// Package sends is what brokers make of the messages of a send.
package sends

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const propertyPopCheck = "POP_CK"

// Rewrite does to the properties of a single message what brokers of a version do, and
// returns its unique key, which newKey makes if there is none. 5.x: buildMsgContext and
// sendMessage of SendMessageProcessor; 4.9.7 adds CLUSTER alone, and drops WAIT to save space.
func Rewrite(set *properties.Set, v headers.Version, cluster string, newKey func() string) string {
	if v < headers.Version5_0_0 || v >= headers.Version5_2_0 {
		set.Remove(propertyPopCheck)
	}
	if v < headers.Version5_0_0 {
		set.Remove(headers.PropertyWait)
		set.Set(headers.PropertyCluster, cluster)
		return string(set.Get(headers.PropertyUniqueKey))
	}
	set.Set(fields.PropertyRegion, fields.Region)
	set.Set(fields.PropertyTrace, "true")
	key := string(set.Get(headers.PropertyUniqueKey))
	if key == "" {
		key = newKey()
		set.Set(headers.PropertyUniqueKey, key)
	}
	set.Set(headers.PropertyCluster, cluster)
	return key
}

// IsHasty reports whether a send is not to wait for the disk (Message.isWaitStoreMsgOK). It is
// to be asked before Rewrite.
func IsHasty(set *properties.Set) bool {
	wait := set.Get(headers.PropertyWait)
	return wait != nil && !strings.EqualFold(string(wait), "true")
}
