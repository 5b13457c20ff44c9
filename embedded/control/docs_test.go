package control_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var (
	shell  = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	method = regexp.MustCompile(`-X ([A-Z]+)`)
	data   = regexp.MustCompile(`-d '([^']*)'`)
	kind   = regexp.MustCompile(`-H 'Content-Type: application/json'`)
	path   = regexp.MustCompile(`\$B([^\s"]+)`)
)

// TestDocumentedRequests makes the requests of docs/control.md in their order, as curl
// does, on a cluster that has what they are about.
func TestDocumentedRequests(t *testing.T) {
	w := newWorld(t, embedded.WithBrokers(2))
	w.ok(http.MethodPut, "/v1/topics/orders", `{"queues":1}`)
	pub := w.publisher()
	for i := range 60 {
		require.NoError(t, pub.Publish("orders", message.NewMessage("order-"+number(int64(i)), []byte("x"))))
	}
	w.cluster.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("billing"))
	text, err := os.ReadFile("../../docs/control.md")
	require.NoError(t, err)
	made, deleted := 0, false
	for _, block := range shell.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, " # ")
			if !strings.HasPrefix(line, "curl ") {
				continue
			}
			verb, body := http.MethodGet, ""
			if m := data.FindStringSubmatch(line); m != nil {
				verb, body = http.MethodPost, m[1]
				require.Regexp(t, kind, line)
			}
			if m := method.FindStringSubmatch(line); m != nil {
				verb = m[1]
			}
			target := path.FindStringSubmatch(line)[1]
			if verb == http.MethodDelete && target == "/v1/topics/orders" {
				deleted = true // once the others are done
				continue
			}
			w.ok(verb, target, body)
			made++
		}
	}
	require.Greater(t, made, 20)
	require.True(t, deleted)
	w.ok(http.MethodDelete, "/v1/topics/orders", "")
}
