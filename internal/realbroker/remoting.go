package realbroker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
)

// Request codes of RocketMQ's remoting protocol.
const (
	getAllTopicConfig    = 21
	updateBrokerConfig   = 25
	getBrokerConfig      = 26
	getBrokerRuntimeInfo = 28
	getRouteInfoByTopic  = 105
)

// ask sends one request on a connection of its own and returns the code and the
// body of the answer. It writes the frame by hand, since what starts the servers
// for the tests must not depend on what is tested by them.
func ask(ctx context.Context, addr string, code int, fields map[string]string, body []byte) (answerCode int, answerBody []byte, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, nil, err
		}
	}

	// Clients of a version below 401 are sent JSON whose numeric keys are not
	// quoted.
	header, err := json.Marshal(map[string]any{
		"code": code, "language": "GO", "version": 407, "opaque": 1, "flag": 0, "extFields": fields,
	})
	if err != nil {
		return 0, nil, err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)+len(body)))
	// The top byte of this word is the header's encoding: 0, JSON.
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	frame = append(append(frame, header...), body...)
	if _, err := conn.Write(frame); err != nil {
		return 0, nil, err
	}

	var sizes [8]byte
	if _, err := io.ReadFull(conn, sizes[:]); err != nil {
		return 0, nil, err
	}
	length := int64(binary.BigEndian.Uint32(sizes[:4]))
	headerLength := int64(binary.BigEndian.Uint32(sizes[4:]) & 0xffffff)
	if length > 1<<24 || headerLength > length-4 {
		return 0, nil, fmt.Errorf("bad frame from %s: lengths %d and %d", addr, length, headerLength)
	}
	answer := make([]byte, length-4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return 0, nil, err
	}
	var parsed struct{ Code int }
	if err := json.Unmarshal(answer[:headerLength], &parsed); err != nil {
		return 0, nil, fmt.Errorf("bad header from %s: %w", addr, err)
	}
	return parsed.Code, answer[headerLength:], nil
}

// askRoute asks a name server for the route of a topic.
func askRoute(ctx context.Context, nameServer, topic string) (code int, body []byte, err error) {
	return ask(ctx, nameServer, getRouteInfoByTopic, map[string]string{"topic": topic}, nil)
}
