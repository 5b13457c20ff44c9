package control_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Texts that leave the place they are put in, if they are not escaped for it.
func payloads() []string {
	return []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `' onfocus=alert(1) autofocus='`,
		`</textarea></td></table><iframe src=javascript:alert(1)>`, `javascript:alert(1)`, `{{.}}`, `${alert(1)}`, "</title><script>x()</script>",
	}
}

// Names, keys, properties and payloads are on the pages as text, wherever they are shown.
func TestNothingIsMarkup(t *testing.T) {
	w := newWorld(t)
	pub, client := w.publisher(), newClient(w)
	for _, p := range payloads() {
		msg := message.NewMessage(p, []byte(p))
		msg.Metadata.Set(p, p)
		require.NoError(t, pub.Publish("topic "+p, msg))
		subscription := headers.SubscriptionData{Topic: p, Expression: p, ExpressionType: p, Version: 1}
		beat := headers.HeartbeatData{ClientID: p, Producers: []headers.ProducerData{{Group: p}}, Consumers: []headers.ConsumerData{{
			Group: p, MessageModel: headers.MessageModel(p), ConsumeType: headers.ConsumeType(p), Subscriptions: []headers.SubscriptionData{subscription},
		}}}
		body, err := beat.Encode()
		require.NoError(t, err)
		_, err = headers.Successful(client.Invoke(t.Context(), w.cluster.Broker(0).Addr(), headers.Heartbeat{}, body))
		require.NoError(t, err)
		spec, err := json.Marshal(map[string]string{"kind": "drop", "topic": p})
		require.NoError(t, err)
		w.ok(http.MethodPost, "/v1/faults", string(spec))
	}
	spec, err := json.Marshal(map[string]string{"kind": "answer", "code": "SYSTEM_BUSY", "remark": payloads()[0], "topic": "none"})
	require.NoError(t, err)
	w.ok(http.MethodPost, "/v1/faults", string(spec))

	pages := []string{"/", "/topics", "/groups", "/clients", "/messages", "/faults"}
	for _, p := range payloads() {
		mapped, err := marshaler.EscapeTopics{}.MapTopic("topic " + p)
		require.NoError(t, err)
		q := url.QueryEscape
		pages = append(pages,
			"/topic?name="+q(mapped.Name), "/topic?name="+q(p), "/group?name="+q(p), "/group?name="+q(p+"none"), "/messages?topic="+q(mapped.Name),
			"/messages?name="+q(p), "/messages?topic="+q(p), "/messages?topic=orders&broker="+q(p), "/messages?topic=orders&queue="+q(p),
			"/message?topic="+q(p)+"&broker="+q(p)+"&queue="+q(p)+"&offset="+q(p),
		)
		for _, m := range w.cluster.Broker(0).FindMessages(mapped.Name, p, 1) {
			pages = append(pages, "/message?topic="+q(m.Topic)+"&broker=broker-a&offset="+number(m.QueueOffset)+"&queue="+number(int64(m.QueueID)))
		}
	}
	shown := 0
	for _, page := range pages {
		_, text := w.try(http.MethodGet, page, "")
		for _, bad := range []string{"<script>", "<img", "<svg", "<iframe", "onerror=alert(1)>", "</textarea", `href="javascript`, `' onfocus=`, "ZgotmplZ"} {
			require.NotContains(t, text, bad, "%s", page)
		}
		require.Equal(t, 1, strings.Count(text, "<script"), page)
		shown += strings.Count(text, "&lt;script&gt;alert(1)&lt;/script&gt;")
	}
	require.Greater(t, shown, 15, "the texts are there")

	// In JSON they are themselves, and a browser that is led there takes it for JSON.
	for _, path := range []string{"/v1/topics", "/v1/groups", "/v1/clients", "/v1/faults", "/v1/messages?name=" + url.QueryEscape(payloads()[0])} {
		answer := w.do(http.MethodGet, path, "")
		require.Equal(t, "application/json; charset=utf-8", answer.Header.Get("Content-Type"))
		_, text := w.try(http.MethodGet, path, "")
		require.NotContains(t, text, "<", path)
	}
	found := read[messages](w, "/v1/messages?name="+url.QueryEscape(payloads()[0])).Messages
	require.Len(t, found, 1)
	require.Equal(t, payloads()[0], found[0].UUID)
	require.Equal(t, payloads()[0], found[0].Payload.Text)
	require.Contains(t, w.refused(404, http.MethodGet, "/v1/groups/"+url.PathEscape("a/b<script>"), ""), "a/b<script>")
	require.Equal(t, `</title><script>x()</script>`, read[group](w, "/v1/groups/"+url.PathEscape(payloads()[8])).Name)
}
