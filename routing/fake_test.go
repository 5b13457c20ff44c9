package routing_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// clusterInfo is what a fakeServers is asked for by GET_BROKER_CLUSTER_INFO.
const clusterInfo = "(cluster info)"

// fakeServers plays all name servers of a test. It notes who was asked for what
// and when, as "addr topic".
type fakeServers struct {
	tb     testing.TB
	answer func(ctx context.Context, addr, topic string) (headers.Command, error)

	mu    sync.Mutex
	calls []string
	times []time.Time
}

func (f *fakeServers) Invoke(ctx context.Context, addr string, r headers.Request, body []byte) (headers.Command, error) {
	// A round trip through the codec shows what is really on the wire.
	frame, err := headers.AppendRequest(nil, headers.JSON, 1, false, r, body)
	if err != nil {
		return headers.Command{}, err
	}
	request, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
	if err != nil {
		return headers.Command{}, err
	}
	topic := clusterInfo
	if headers.RequestCode(request.Code) == headers.CodeTopicRoute {
		topic = request.Fields.String("topic")
		if !request.Fields.Bool("acceptStandardJsonOnly") {
			return headers.Command{}, fmt.Errorf("route request without acceptStandardJsonOnly")
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, addr+" "+topic)
	f.times = append(f.times, time.Now())
	answer := f.answer
	f.mu.Unlock()
	return answer(ctx, addr, topic)
}

// become changes what the name servers say from now on.
func (f *fakeServers) become(answer func(ctx context.Context, addr, topic string) (headers.Command, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// asked returns the calls since it was last called.
func (f *fakeServers) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls, f.times = nil, nil
	return calls
}

// says is an answer that is the same for every question.
func (f *fakeServers) says(code headers.ResponseCode, body string) func(context.Context, string, string) (headers.Command, error) {
	c := response(f.tb, code, body)
	return func(context.Context, string, string) (headers.Command, error) { return c, nil }
}

// knows answers with the bodies of the named topics, clusterInfo among them, and
// TOPIC_NOT_EXIST for the rest.
func (f *fakeServers) knows(bodies map[string]string) func(context.Context, string, string) (headers.Command, error) {
	return func(_ context.Context, _, topic string) (headers.Command, error) {
		if body, ok := bodies[topic]; ok {
			return response(f.tb, headers.Success, body), nil
		}
		return response(f.tb, headers.TopicNotExist, ""), nil
	}
}

// advance lets fake time go by; it must be called inside a synctest bubble.
func advance(d time.Duration) { <-time.After(d) }

// settle is advance for the test's main goroutine: afterwards, all that was due
// by then is done.
func settle(d time.Duration) {
	advance(d)
	synctest.Wait()
}

// hang never answers.
func hang(ctx context.Context, _, _ string) (headers.Command, error) {
	<-ctx.Done()
	return headers.Command{}, context.Cause(ctx)
}

func response(tb testing.TB, code headers.ResponseCode, body string) headers.Command {
	remark := ""
	if code != headers.Success {
		remark = "no, says the fake"
	}
	frame, err := headers.AppendResponse(nil, headers.JSON, 1, code, remark, nil, []byte(body))
	require.NoError(tb, err)
	c, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
	require.NoError(tb, err)
	return c
}

// golden is the recorded answer in testdata/name.
func golden(tb testing.TB, name string) headers.Command {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(tb, err)
	c, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
	require.NoError(tb, err)
	return c
}

// brokerSpec is one broker in a routeBody.
type brokerSpec struct {
	name  string
	addrs string // members of brokerAddrs
	write int64
	perm  int
}

func routeBody(brokers ...brokerSpec) string {
	var queues, datas []string
	for _, b := range brokers {
		queues = append(queues, fmt.Sprintf(`{"brokerName":%q,"perm":%d,"readQueueNums":%d,"topicSysFlag":0,"writeQueueNums":%d}`, b.name, b.perm, b.write, b.write))
		datas = append(datas, fmt.Sprintf(`{"brokerAddrs":{%s},"brokerName":%q,"cluster":"c"}`, b.addrs, b.name))
	}
	return fmt.Sprintf(`{"brokerDatas":[%s],"filterServerTable":{},"queueDatas":[%s]}`, strings.Join(datas, ","), strings.Join(queues, ","))
}

// simpleRoute is a route of 2 queues on each named broker, whose master is
// <name>:10911.
func simpleRoute(brokers ...string) string {
	specs := make([]brokerSpec, len(brokers))
	for i, name := range brokers {
		specs[i] = brokerSpec{name, fmt.Sprintf(`"0":"%s:10911"`, name), 2, 6}
	}
	return routeBody(specs...)
}

const (
	someBroker = `{"brokerAddrTable":{"a":{"brokerAddrs":{0:"a:10911"},"brokerName":"a","cluster":"c"}},"clusterAddrTable":{"c":["a"]}}`
	noBroker   = `{"brokerAddrTable":{},"clusterAddrTable":{}}`
)

// newTable makes a Table that is closed at the end of the test. Call it inside
// the synctest bubble.
func newTable(t testing.TB, f *fakeServers, change func(*routing.Config)) *routing.Table {
	f.tb = t
	cfg := routing.Config{NameServers: []string{"ns1:9876"}}
	if change != nil {
		change(&cfg)
	}
	table, err := routing.New(cfg, f)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// queueNames writes queues as "broker:id".
func queueNames(r *routing.Route) []string {
	var names []string
	for _, q := range r.WriteQueues() {
		names = append(names, fmt.Sprintf("%s:%d", q.BrokerName, q.QueueID))
	}
	return names
}
