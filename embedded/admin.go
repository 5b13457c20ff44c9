package embedded

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// settings are those of a real broker's configuration that this one goes by, and
// those that say what it is.
func (b *Broker) settings() map[string]string {
	cfg := &b.cluster.cfg
	host, port, _ := net.SplitHostPort(b.srv.address())
	s := map[string]string{
		"autoCreateSubscriptionGroup": strconv.FormatBool(!cfg.noGroups),
		"autoCreateTopicEnable":       strconv.FormatBool(cfg.autoCreate),
		"brokerClusterName":           clusterName,
		"brokerId":                    "0",
		"brokerIP1":                   host,
		"brokerName":                  b.name,
		"defaultTopicQueueNums":       strconv.Itoa(autoCreateQueues),
		"listenPort":                  port,
		"maxMessageSize":              strconv.Itoa(cfg.maxMessageSize),
	}
	if cfg.version >= access.Version2 {
		s["authenticationEnabled"] = strconv.FormatBool(cfg.acl)
		s["authorizationEnabled"] = strconv.FormatBool(cfg.acl)
	} else {
		s["aclEnable"] = strconv.FormatBool(cfg.acl)
	}
	if b.cluster.behaviour.five {
		s["enableMixedMessageType"] = "false"
		s["timerWheelEnable"] = "true"
		s["timerMaxDelaySec"] = "259200"
	}
	if cfg.version >= headers.Version5_3_3 {
		s["recallMessageEnable"] = "false"
	}
	return s
}

// brokerConfig answers GET_BROKER_CONFIG.
func (b *Broker) brokerConfig() answer {
	settings := b.settings()
	lines := make([]string, 0, len(settings))
	for name, value := range settings {
		lines = append(lines, name+"="+value+"\n")
	}
	slices.Sort(lines)
	return answer{fields: configVersion{}, body: []byte(strings.Join(lines, ""))}
}

// configVersion is the header of the answer to GET_BROKER_CONFIG
// (GetBrokerConfigResponseHeader of 5.5.0).
type configVersion struct{}

func (configVersion) AppendFields(dst []byte, s headers.Serialization) []byte {
	return headers.AppendField(dst, s, "version", `{"counter":0,"stateVersion":0,"timestamp":0}`)
}

// runtimeInfo answers GET_BROKER_RUNTIME_INFO with the part that does not count
// messages.
func (b *Broker) runtimeInfo() answer {
	up := time.Since(b.cluster.started)
	name := strings.ReplaceAll(b.cluster.cfg.version.String(), ".", "_")
	return jsonAnswer(struct {
		Table map[string]string `json:"table"`
	}{map[string]string{
		"bootTimestamp":     strconv.FormatInt(b.cluster.started.UnixMilli(), 10),
		"brokerActive":      "true",
		"brokerVersion":     strconv.Itoa(int(b.cluster.cfg.version)),
		"brokerVersionDesc": "V" + strings.ReplaceAll(name, "-", "_"),
		// StoreStatsService.getFormatRuntime of 5.5.0
		"runtime": fmt.Sprintf("[ %d days, %d hours, %d minutes, %d seconds ]",
			up/(24*time.Hour), up/time.Hour%24, up/time.Minute%60, up/time.Second%60),
	}})
}

// maxStatsQueues bounds what topicStats lists, since anybody may create a topic
// with any number of queues.
const maxStatsQueues = 1 << 16

// topicStats answers GET_TOPIC_STATS_INFO. The keys of the table are objects, as
// fastjson writes them.
func (b *Broker) topicStats(rq *request) answer {
	name := rq.cmd.Fields.String("topic")
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil {
		return refuse(headers.TopicNotExist, "topic["+name+"] not exist")
	}
	queue := fmt.Sprintf(`{"brokerName":%q,"queueId":`, b.name)
	numbers := fmt.Sprintf(`,"topic":%q}:{"lastUpdateTimestamp":`, name)
	body := []byte(`{"offsetTable":{`)
	for id := range int32(min(max(t.read, t.write), maxStatsQueues)) {
		var first, next, at int64
		if q := t.queues[id]; q != nil {
			first, next = q.First, q.Next()
			if n := len(q.Records); n > 0 {
				at = q.Records[n-1].StoreTime
			}
		}
		if id > 0 {
			body = append(body, ',')
		}
		body = append(body, queue...)
		body = strconv.AppendInt(body, int64(id), 10)
		body = append(body, numbers...)
		body = strconv.AppendInt(body, at, 10)
		body = append(body, `,"maxOffset":`...)
		body = strconv.AppendInt(body, next, 10)
		body = append(body, `,"minOffset":`...)
		body = append(strconv.AppendInt(body, first, 10), '}')
	}
	return answer{body: append(body, "}}"...)}
}
