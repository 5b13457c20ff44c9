package publisher_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// The kinds of reactions that a script chooses from.
const (
	hostileHonest = iota
	hostileCode
	hostileLongRemark
	hostileResult
	hostileFields
	hostileWrongOpaque
	hostileCut
	hostileWrongLength
	hostileHeader
	hostileBytes
	hostileNoCode
	hostileRecallHandle
	hostileLate
	hostileTwice
	hostileHangUp
	hostileSilence
	hostileCheck
	hostileRequest
	hostileGoAway
	hostileNotDurable
	hostileTrickle
	hostileRest
	hostileGuess
	hostileRoute
	hostileKinds
)

var (
	hostileCodes = []headers.ResponseCode{
		headers.Success, headers.SystemError, headers.SystemBusy, headers.RequestNotSupported, headers.FlushDiskTimeout,
		headers.SlaveNotAvailable, headers.FlushSlaveTimeout, headers.MessageIllegal, headers.ServiceNotAvailable,
		headers.NoPermission, headers.TopicNotExist, headers.NoBuyerID, headers.NotInCurrentUnit, headers.FlowControl,
		headers.NotLeaderForQueue, headers.InvalidParameter, headers.GoAway, -1, 1 << 30,
	}
	hostileRemarks = []string{
		"", "[REJECTREQUEST]system busy", "request queueId[9] is illegal", "message body size exceeded", "timer message is not enabled",
		"timer message is under flow control", "The specified topic is longer than 127", "queueId[7]", "Sending message to topic[x] is forbidden",
		"org.apache.rocketmq.acl.common.AclException: No accessKey is configured", "User:x is disabled.", "\x00\x1b[2J\xff\u2028{",
	}
)

// react makes what the server does to a request. n.mu is held.
func (c *hostileConn) react(op byte, cmd *headers.Command) reaction {
	s := c.script
	form := headers.Serialization(op >> 7)
	switch int(op&0x7f) % hostileKinds {
	case hostileCode:
		return reaction{send: response(form, cmd.Opaque, pick(s, hostileCodes...), pick(s, hostileRemarks...), nil, s.text())}
	case hostileLongRemark:
		remark := strings.Repeat(pick(s, "x", "\x1b[31m", "\xe2\x82"), 1+int(s.byte())<<10)
		return reaction{send: response(form, cmd.Opaque, pick(s, hostileCodes...), remark, nil, nil)}
	case hostileResult:
		return reaction{send: response(form, cmd.Opaque, headers.Success, "", &headers.SendResult{
			OffsetMessageID: string(s.text()), QueueID: s.int32(), QueueOffset: int64(s.int32()) << 32, TransactionID: string(s.text()),
		}, s.text())}
	case hostileFields:
		var fields headers.FieldList
		for range s.byte() % 8 {
			name := pick(s, "msgId", "queueId", "queueOffset", "transactionId", "recallHandle", "MSG_REGION", "TRACE_ON", "")
			fields = append(fields, headers.Field{Name: name, Value: string(s.text())})
		}
		return reaction{send: response(form, cmd.Opaque, pick(s, hostileCodes...), "", fields, s.text())}
	case hostileWrongOpaque:
		wrong := *cmd
		wrong.Opaque += int32(int8(s.byte()))
		return reaction{send: c.honest(&wrong, form, headers.Success)}
	case hostileCut:
		answer := c.honest(cmd, form, headers.Success)
		return reaction{send: answer[:int(s.byte())%len(answer)]}
	case hostileWrongLength:
		answer := c.honest(cmd, form, headers.Success)
		answer[1] ^= s.byte()
		answer[2] ^= s.byte()
		answer[3] ^= s.byte()
		return reaction{send: answer}
	case hostileHeader:
		header := bytes.ReplaceAll(s.text(), []byte("OPAQUE"), fmt.Append(nil, cmd.Opaque))
		frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)))
		frame = binary.BigEndian.AppendUint32(frame, uint32(form)<<24|uint32(len(header)))
		return reaction{send: append(frame, header...)}
	case hostileBytes:
		return reaction{send: s.text()}
	case hostileNoCode:
		answer := c.honest(cmd, headers.JSON, headers.Success)
		return reaction{send: bytes.Replace(answer, []byte(`{"code":0,`), []byte(`{"cod3":0,`), 1)}
	case hostileRecallHandle:
		return reaction{send: response(form, cmd.Opaque, headers.Success, "", &headers.SendResult{
			QueueOffset: 1, RecallHandle: strings.Repeat("h", int(s.byte())<<12),
		}, nil)}
	case hostileLate:
		return reaction{send: c.honest(cmd, form, headers.Success), after: time.Duration(s.byte()) * 50 * time.Millisecond}
	case hostileTwice:
		answer := c.honest(cmd, form, headers.Success)
		return reaction{send: append(answer, response(form, cmd.Opaque, pick(s, hostileCodes...), "", nil, nil)...)}
	case hostileHangUp:
		answer := c.honest(cmd, form, headers.Success)
		return reaction{send: answer[:int(s.byte())%len(answer)], hangUp: true}
	case hostileSilence:
		return reaction{}
	case hostileCheck:
		return reaction{send: append(c.check(form, cmd), c.honest(cmd, form, headers.Success)...)}
	case hostileRequest:
		request, _ := headers.AppendRequest(nil, form, cmd.Opaque, s.byte()%2 == 0, headers.Heartbeat{}, s.text()) // it is small
		return reaction{send: slices.Repeat(request, 1+int(s.byte()))}
	case hostileGoAway:
		return reaction{send: response(form, cmd.Opaque, headers.GoAway, "", nil, nil)}
	case hostileNotDurable:
		code := pick(s, headers.FlushDiskTimeout, headers.SlaveNotAvailable, headers.FlushSlaveTimeout)
		return reaction{send: c.honest(cmd, form, code)}
	case hostileTrickle:
		return reaction{send: c.honest(cmd, form, headers.Success), every: time.Duration(1+s.byte()) * 10 * time.Millisecond}
	case hostileRest: // of an answer that was cut
		answer := c.honest(cmd, form, headers.Success)
		return reaction{send: answer[int(s.byte())%len(answer):]}
	case hostileGuess: // the numbers of the requests to come
		var answers []byte
		for i := range 1 + int32(s.byte()) {
			next := *cmd
			next.Opaque += i
			answers = append(answers, c.honest(&next, form, headers.Success)...)
		}
		return reaction{send: answers}
	case hostileRoute:
		return reaction{send: response(form, cmd.Opaque, headers.Success, "", nil, s.route())}
	default:
		return reaction{send: c.honest(cmd, form, headers.Success)}
	}
}

// honest is the answer that a sound server gives.
func (c *hostileConn) honest(cmd *headers.Command, form headers.Serialization, code headers.ResponseCode) []byte {
	switch {
	case headers.RequestCode(cmd.Code) == headers.CodeTopicRoute:
		return response(form, cmd.Opaque, code, "", nil, hostileRouteOf(4, hostileBroker))
	case c.nameServer:
		return response(form, cmd.Opaque, headers.RequestNotSupported, "", nil, nil)
	default:
		return response(form, cmd.Opaque, code, "", &headers.SendResult{OffsetMessageID: "C00002020002A9F0000000000000001", QueueOffset: 1}, nil)
	}
}

func response(form headers.Serialization, opaque int32, code headers.ResponseCode, remark string, fields headers.FieldAppender, content []byte) []byte {
	frame, err := headers.AppendResponse(nil, form, opaque, code, remark, fields, content)
	if err != nil {
		panic(err) // only of what is larger than any script makes
	}
	return frame
}

// check asks for a transaction: one of the script's, or that of the request, if it
// has one.
func (c *hostileConn) check(form headers.Serialization, cmd *headers.Command) []byte {
	s := c.script
	id := string(s.text())
	if properties := cmd.Fields.String("i"); properties != "" && s.byte()%2 == 0 {
		for name, value := range headers.Properties([]byte(properties)) {
			if string(name) == headers.PropertyUniqueKey {
				id = string(value)
			}
		}
	}
	half, err := body.AppendStored(nil, &body.StoredMessage{
		Topic: orders, Body: s.text(), SysFlag: s.int32(),
		Properties: headers.AppendProperty(s.text(), headers.PropertyProducerGroup, hostileGroup),
	})
	if err != nil || s.byte()%4 == 0 {
		half = s.text()
	}
	check := &headers.CheckTransaction{
		StateTableOffset: int64(s.int32()), CommitLogOffset: int64(s.int32()), MessageID: id,
		BrokerName: pick(s, "broker-0", "", "broker-1"),
	}
	request, _ := headers.AppendRequest(nil, form, s.int32(), true, check, half) // it is small
	return slices.Repeat(request, 1+int(s.byte()%8))
}

// route is the body of an answer to who asks for a route.
func (s *script) route() []byte {
	switch s.byte() % 10 {
	case 0:
		return []byte(`{"brokerDatas":[],"queueDatas":[]}`)
	case 1:
		return s.text()
	case 2: // honest but for some bytes
		route := hostileRouteOf(4, hostileBroker)
		for range s.byte() % 8 {
			route[int(s.byte())%len(route)] = s.byte()
		}
		return route
	case 3: // cut
		route := hostileRouteOf(4, hostileBroker)
		return route[:int(s.byte())%len(route)]
	case 4: // any addresses
		var addrs []string
		for range 1 + s.byte()%16 {
			addrs = append(addrs, pick(s, hostileBroker, hostileNameServer, "192.0.2.9:1", "no address", ":0", "[::1]:70000", string(s.text())))
		}
		return hostileRouteOf(int(s.byte()), addrs...)
	case 5: // many brokers, all the same
		return hostileRouteOf(1, slices.Repeat([]string{pick(s, hostileBroker, "bad")}, 1+int(s.byte()))...)
	case 6: // any counts and permissions
		return bytes.ReplaceAll(
			bytes.ReplaceAll(hostileRouteOf(4, hostileBroker, hostileBroker), []byte(`:4`), fmt.Appendf(nil, ":%d", s.int32())),
			[]byte(`:6`), fmt.Appendf(nil, ":%d", int8(s.byte())))
	case 7: // without masters
		return bytes.ReplaceAll(hostileRouteOf(4, hostileBroker), []byte(`{"0":`), fmt.Appendf(nil, `{"%d":`, int8(s.byte())))
	case 8: // an order topic
		order := pick(s, "broker-0:2", "broker-0:2;broker-1:9999999", ";;:", "other:1", string(s.text()))
		return bytes.Replace(hostileRouteOf(4, hostileBroker), []byte(`{`), fmt.Appendf(nil, `{"orderTopicConf":%q,`, order), 1)
	default: // a static topic
		return bytes.Replace(hostileRouteOf(4, hostileBroker), []byte(`{`), []byte(`{"topicQueueMappingByBroker":{"broker-0":{}},`), 1)
	}
}

// hostileRouteOf is a route with a broker for each address.
func hostileRouteOf(queues int, addrs ...string) []byte {
	var brokers, counts []string
	for i, addr := range addrs {
		brokers = append(brokers, fmt.Sprintf(`{"brokerAddrs":{"0":%q},"brokerName":"broker-%d","cluster":"c"}`, addr, i))
		counts = append(counts, fmt.Sprintf(`{"brokerName":"broker-%d","perm":6,"readQueueNums":%d,"writeQueueNums":%d}`, i, queues, queues))
	}
	return fmt.Appendf(nil, `{"brokerDatas":[%s],"queueDatas":[%s]}`, strings.Join(brokers, ","), strings.Join(counts, ","))
}
