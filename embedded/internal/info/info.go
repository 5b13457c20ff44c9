// Package info is what a broker says of itself to admin tools.
package info

import (
	"slices"
	"strconv"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Broker is a broker as it is set up.
type Broker struct {
	Name, Cluster   string
	Host, Port      string
	Version         headers.Version
	ACL             bool
	AutoCreateTopic bool
	AutoCreateGroup bool
	PropertyFilter  bool
	// Queues is how many queues a topic gets that is created by a send.
	Queues         int
	MaxMessageSize int
}

// Settings are those of a real broker's configuration that this one goes by, and
// those that say what it is.
func (b Broker) Settings() map[string]string {
	s := map[string]string{
		"autoCreateSubscriptionGroup": strconv.FormatBool(b.AutoCreateGroup),
		"autoCreateTopicEnable":       strconv.FormatBool(b.AutoCreateTopic),
		"brokerClusterName":           b.Cluster,
		"brokerId":                    "0",
		"brokerIP1":                   b.Host,
		"brokerName":                  b.Name,
		"defaultTopicQueueNums":       strconv.Itoa(b.Queues),
		"enablePropertyFilter":        strconv.FormatBool(b.PropertyFilter),
		"listenPort":                  b.Port,
		"maxMessageSize":              strconv.Itoa(b.MaxMessageSize),
	}
	if b.Version >= access.Version2 {
		s["authenticationEnabled"] = strconv.FormatBool(b.ACL)
		s["authorizationEnabled"] = strconv.FormatBool(b.ACL)
	} else {
		s["aclEnable"] = strconv.FormatBool(b.ACL)
	}
	if b.Version >= headers.Version5_0_0 {
		s["enableMixedMessageType"] = "false"
		s["timerWheelEnable"] = "true"
		s["timerMaxDelaySec"] = "259200"
	}
	if b.Version >= headers.Version5_3_3 {
		s["recallMessageEnable"] = "false"
	}
	return s
}

// Lines are settings as a properties file has them.
func Lines(settings map[string]string) []byte {
	lines := make([]string, 0, len(settings))
	for name, value := range settings {
		lines = append(lines, name+"="+value+"\n")
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
