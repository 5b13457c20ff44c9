package browsertest

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Names that would be markup if they were not text.
const (
	evil      = `<img src=x onerror=alert(1)>`
	evilQuote = `"'><script>alert(2)</script>`
	evilTopic = `shop <img src=x onerror=alert(3)> "'</td>`
)

// world is a cluster with a page, and a browser that shows it.
type world struct {
	*browser
	cluster *embedded.Cluster
	pub     *publisher.Publisher
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithBrokers(2), embedded.WithTopic("orders", 2))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(), ProducerGroup: "shop", Compression: publisher.CompressionConfig{Threshold: 1000},
		SendTimeout: patience, AttemptTimeout: patience, // an attempt that is made again may be one more
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return &world{startBrowser(t, server.URL()), cluster, pub}
}

// rocketmqName is RocketMQ's name of a Watermill topic.
func rocketmqName(t *testing.T, topic string) string {
	t.Helper()
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	require.NoError(t, err)
	return mapped.Name
}

// TestPage opens each view on a cluster that has something in it, and presses the buttons.
func TestPage(t *testing.T) {
	w := newWorld(t)

	t.Run("empty", func(t *testing.T) {
		for path, heading := range map[string]string{
			"/": "Servers", "/topics": "Topics", "/groups": "Consumer groups", "/clients": "Connections", "/messages": "Messages", "/faults": "Faults",
		} {
			w.open(t, path, heading)
			w.fits(t)
			w.clean(t)
		}
		w.open(t, "/groups", "Consumer groups")
		w.sees(t, "main", "No group has subscribed")
		w.shoot(t, "empty-groups")
		w.open(t, "/clients", "Connections")
		w.sees(t, "main", "No client is connected")
		w.open(t, "/messages?topic=orders", "Messages")
		w.sees(t, "main", "No message in this queue")
		w.shoot(t, "empty-messages")
	})

	w.populate(t)

	t.Run("servers", func(t *testing.T) {
		w.open(t, "/", "Servers")
		w.sees(t, "#requests", "SEND_MESSAGE_V2")
		w.sees(t, "#servers", w.cluster.Broker(0).Addr())
		w.shoot(t, "servers")
		w.press(t, "#servers tr:has(td)", "Stop")
		w.sees(t, "#servers", "stopped")
		require.False(t, w.cluster.Broker(0).Running())
		w.shoot(t, "servers-stopped")
		w.press(t, "#servers", "Start")
		w.await(t, `!document.querySelector('#servers').innerText.includes('stopped')`)
		require.True(t, w.cluster.Broker(0).Running())
		w.press(t, "#servers", "Kill")
		w.sees(t, "#servers", "stopped")
		w.press(t, "#servers", "Start")
		w.await(t, `!document.querySelector('#servers').innerText.includes('stopped')`)
		w.press(t, "#servers table:last-of-type tr", "Drop connections")
		w.sees(t, "#status", "drop-connections")
		w.clean(t)
	})

	t.Run("topics", func(t *testing.T) {
		w.open(t, "/topics", "Topics")
		w.sees(t, "#topics", evilTopic)
		w.sees(t, "#topics", rocketmqName(t, evilTopic))
		w.fill(t, "main form", "name", "returns")
		w.fill(t, "main form", "queues", "3")
		w.press(t, "main form", "Create")
		w.sees(t, "#topics", "returns")
		require.Len(t, w.cluster.Broker(1).Queues("returns"), 3)
		w.fill(t, "main form", "queues", "1")
		w.press(t, "main form", "Create")
		w.sees(t, "main form", "It is there: change it?")
		require.Len(t, w.cluster.Broker(1).Queues("returns"), 3, "it asks first")
		w.open(t, "/topic?name=returns", "Topic returns")
		w.sees(t, "#queues", "broker-b")
		w.fill(t, "main form", "queues", "2")
		w.press(t, "main form", "Set")
		w.sees(t, "main form", "Take queues away?")
		require.Len(t, w.cluster.Broker(1).Queues("returns"), 3, "it asks first")
		w.press(t, "main form", "Take queues away?")
		w.await(t, `document.querySelectorAll('#queues tr').length === 4`)
		require.Len(t, w.cluster.Broker(1).Queues("returns"), 2)
		w.press(t, "main form:last-of-type", "Delete topic")
		w.sees(t, "main form:last-of-type", "Delete all messages?")
		require.NotEmpty(t, w.cluster.Broker(1).Queues("returns"), "it asks first")
		w.press(t, "main form:last-of-type", "Delete all messages?")
		w.await(t, `location.pathname === '/topics'`)
		require.Empty(t, w.cluster.Broker(1).Queues("returns"))
		w.open(t, "/topic?name="+url.QueryEscape(rocketmqName(t, evilTopic)), "Topic")
		w.sees(t, "main", evilTopic)
		w.shoot(t, "topic")
		w.clean(t)
		w.look(t, "/topic?name="+url.QueryEscape("%RETRY%"+evil))
		w.sees(t, "main", "there is no topic")
		w.sees(t, "main", evil)
		require.Len(t, w.troubles.await(t, 1), 1, "the browser notes the 404 and no more")
	})

	t.Run("live", func(t *testing.T) {
		w.open(t, "/topics", "Topics")
		evaluate := func(script string) { run(t, w.browser, chromedp.Evaluate[chromedp.Void](script+"; undefined")) }
		evaluate(`window.answers = 0; const real = fetch; window.fetch = async (...args) => { const answer = await real(...args); window.answers++; return answer; }`)
		refreshed := func() { // of three more answers the second was asked for after now, and is shown when the third comes
			w.await(t, `window.answers >= `+itoa(value[int64](t, w.browser, `window.answers`)+3))
		}
		evaluate(`window.link = [...document.querySelectorAll('#topics a')].find((a) => a.textContent === 'orders')`)
		evaluate(`window.link.focus(); getSelection().selectAllChildren(window.link)`)
		require.NoError(t, w.cluster.CreateTopic("earlier", 1))
		w.sees(t, "#topics", "earlier")
		require.True(t, value[bool](t, w.browser, `window.link.isConnected && document.activeElement === window.link`), "a link keeps the focus")
		require.Equal(t, "orders", value[string](t, w.browser, `getSelection().toString()`))

		evaluate(`document.body.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}))`)
		w.cluster.DeleteTopic("earlier")
		refreshed()
		require.Contains(t, w.text(t, "#topics"), "earlier", "what may be pressed at the moment stays")
		evaluate(`document.body.dispatchEvent(new PointerEvent('pointerup', {bubbles: true}))`)
		w.await(t, `!document.querySelector('#topics').innerText.includes('earlier')`)
		w.clean(t)

		require.NoError(t, w.cluster.CreateTopic("fading", 1))
		w.open(t, "/topic?name=fading", "Topic fading")
		w.cluster.DeleteTopic("fading")
		w.sees(t, "#status", "there is no topic")
		clock := w.text(t, "#now")
		evaluate(`window.answers = 0; const real = fetch; window.fetch = async (...args) => { const answer = await real(...args); window.answers++; return answer; }`)
		refreshed()
		require.Equal(t, clock, w.text(t, "#now"), "what is old does not look new")
		w.shoot(t, "stale")
		require.NoError(t, w.cluster.CreateTopic("fading", 1))
		w.await(t, `!document.body.classList.contains('stale') && document.querySelector('#status').hidden`)
		w.look(t, "/")
		w.cluster.DeleteTopic("fading")
		for _, trouble := range w.troubles.await(t, 1) {
			require.Contains(t, trouble, "404")
		}
	})

	t.Run("rates", func(t *testing.T) {
		stop := w.load(t)
		defer stop()
		w.open(t, "/topics", "Topics")
		row := `[...document.querySelectorAll('#topics tr')].find((r) => r.dataset.topic === 'orders')`
		number := func(class string) string {
			return `Number(` + row + `.querySelector('` + class + `').textContent.replaceAll(',', ''))`
		}
		w.await(t, number(".rate-in")+` > 0 && `+number(".rate-out")+` > 0`)
		w.await(t, row+`.querySelectorAll('.spark polyline').length === 2 && `+row+`.querySelector('.spark polyline').getAttribute('points').split(' ').length > 5`)
		w.fits(t)
		w.shoot(t, "topics")
		w.clean(t)
		stop()
		w.await(t, number(".rate-in")+` === 0`)
	})

	t.Run("groups", func(t *testing.T) {
		w.beat(t)
		w.open(t, "/groups", "Consumer groups")
		w.sees(t, "#groups", "billing")
		w.sees(t, "#groups", evil)
		w.shoot(t, "groups")
		w.clean(t)
		w.open(t, "/group?name=billing", "Group billing")
		w.sees(t, "#group", "orders")
		w.sees(t, "#group", "CLUSTERING")
		w.shoot(t, "group")
		w.open(t, "/group?name="+url.QueryEscape(evil), "Group "+evil)
		w.sees(t, "#group", evilQuote)
		w.clean(t)
	})

	t.Run("clients", func(t *testing.T) {
		w.beat(t)
		w.open(t, "/clients", "Connections")
		w.sees(t, "#clients", "billing")
		w.sees(t, "#clients", "shop")
		w.sees(t, "#clients", evilQuote)
		w.fits(t)
		w.shoot(t, "clients")
		w.clean(t)
	})

	t.Run("messages", func(t *testing.T) {
		w.open(t, strings.Replace(w.message(t, evilTopic, evil), "/message?", "/messages?", 1), "Messages")
		w.sees(t, ".messages", evil)
		w.fits(t)
		w.shoot(t, "messages")
		w.clean(t)
		w.look(t, w.message(t, evilTopic, evil))
		w.sees(t, "h1", evil)
		w.sees(t, "#payload", evilQuote)
		w.sees(t, "#properties", evilQuote)
		w.fits(t)
		w.shoot(t, "message-markup")
		w.clean(t)

		w.look(t, w.message(t, "orders", "json"))
		w.sees(t, "#payload", "  \"id\": 12345678901234567890,\n")
		w.shoot(t, "message-json")
		w.look(t, w.message(t, "orders", "binary"))
		w.sees(t, "#payload", "00000000  00 01 02 ff")
		w.shoot(t, "message-binary")
		w.look(t, w.message(t, "orders", "compressed"))
		w.sees(t, "h2", "stored as")
		w.sees(t, "#payload", strings.Repeat("lorem ipsum ", 300))
		w.fits(t)
		w.look(t, w.message(t, "orders", "empty"))
		w.sees(t, "main", "The payload is empty.")
		w.clean(t)

		// From the box at the top.
		w.fill(t, ".find", "name", "json")
		w.press(t, ".find", "Find")
		w.sees(t, "main", "1 found by")
		w.sees(t, ".messages", "12345678901234567890")
		w.shoot(t, "found")
		w.fill(t, ".find", "name", evilQuote)
		w.press(t, ".find", "Find")
		w.sees(t, "main", "found by "+evilQuote)
		w.clean(t)
		w.look(t, "/message?topic=orders&broker=broker-a&queue=0&offset=999")
		w.sees(t, "main", "there is no message at offset 999")
		require.Len(t, w.troubles.await(t, 1), 1)
	})

	t.Run("faults", func(t *testing.T) {
		w.open(t, "/faults", "Faults")
		w.sees(t, "#faults", "No faults.")
		w.shoot(t, "empty-faults")
		w.fill(t, "#new-fault", "code", "MESSAGE_ILLEGAL")
		w.fill(t, "#new-fault", "remark", evil)
		w.fill(t, "#new-fault", "times", "1")
		w.press(t, "#new-fault", "Add fault")
		w.sees(t, "#faults", evil)
		w.shoot(t, "faults")
		w.clean(t)
		err := w.pub.Publish("orders", message.NewMessage("refused", nil))
		var status *headers.StatusError
		require.ErrorAs(t, err, &status, "what was pressed is what the publisher gets")
		require.Equal(t, headers.MessageIllegal, status.Code)
		w.sees(t, "#faults", "1 of 1")
		require.NoError(t, w.pub.Publish("orders", message.NewMessage("taken", nil)))

		w.fill(t, "#new-fault", "kind", "delay")
		w.await(t, `document.querySelector('[name=code]').closest('label').hidden`)
		w.press(t, "#new-fault", "Add fault")
		w.sees(t, "#status", "needs delayMillis")
		w.shoot(t, "faults-refused")
		require.Len(t, w.troubles.await(t, 1), 1, "the browser notes the 400")
		w.press(t, "#brokers", "busy")
		w.sees(t, "#brokers", "busy")
		w.await(t, `document.querySelector('#brokers .bad')?.textContent === 'busy'`)
		require.Equal(t, embedded.Busy, w.cluster.Broker(0).Condition())
		before := w.cluster.Now()
		w.press(t, "main", "1 h")
		w.await(t, `document.querySelector('#status').textContent.includes('clock')`)
		require.GreaterOrEqual(t, w.cluster.Now().Sub(before), time.Hour)
		w.press(t, "#faults", "Remove")
		w.sees(t, "#faults", "No faults.")
		w.press(t, "main", "Reset all")
		w.await(t, `!document.querySelector('#brokers .bad')`)
		require.Equal(t, embedded.Well, w.cluster.Broker(0).Condition())
		w.clean(t)
	})

	t.Run("narrow and dark", func(t *testing.T) {
		w.narrow(t)
		for path, name := range map[string]string{
			"/": "servers", "/topics": "topics", "/groups": "groups", "/group?name=billing": "group", "/clients": "clients",
			"/messages?topic=orders": "messages", w.message(t, evilTopic, evil): "message", "/faults": "faults",
		} {
			w.look(t, path)
			w.await(t, `!!document.querySelector('h1')`)
			w.fits(t)
			w.shoot(t, "narrow-"+name)
		}
		w.wide(t)
		w.scheme(t, "dark")
		for path, name := range map[string]string{"/topics": "topics", w.message(t, "orders", "json"): "message", "/faults": "faults"} {
			w.look(t, path)
			w.await(t, `!!document.querySelector('h1')`)
			w.shoot(t, "dark-"+name)
		}
		w.scheme(t, "light")
		w.clean(t)
	})
}

// look opens a path, whatever it shows.
func (w *world) look(t *testing.T, path string) {
	t.Helper()
	w.open(t, path, "")
}

// message is the path of the message with a UUID.
func (w *world) message(t *testing.T, topic, uuid string) string {
	t.Helper()
	for _, b := range w.cluster.Brokers() {
		for _, m := range b.FindMessages(rocketmqName(t, topic), uuid, 1) {
			query := url.Values{"topic": {m.Topic}, "broker": {m.BrokerName}, "queue": {itoa(int64(m.QueueID))}, "offset": {itoa(m.QueueOffset)}}
			return "/message?" + query.Encode()
		}
	}
	require.Fail(t, "there is no such message", uuid)
	return ""
}

// load publishes to the topic orders until it is told to stop. The group billing consumes.
func (w *world) load(t *testing.T) (stop func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				ended <- nil
				return
			case <-ticker.C:
				if err := w.pub.Publish("orders", message.NewMessage("load", []byte("x"))); err != nil {
					ended <- err
					return
				}
			}
		}
	}()
	stopped := false
	return func() {
		if !stopped {
			stopped = true
			close(end)
			require.NoError(t, <-ended)
		}
	}
}

// populate puts messages, groups and clients into the cluster, some of them with names
// that look like markup.
func (w *world) populate(t *testing.T) {
	t.Helper()
	bad := message.NewMessage(evil, []byte(`{"html": "`+evil+`"} `+evilQuote))
	bad.Metadata.Set(evilQuote, evil)
	bad.Metadata.Set("note", evilQuote)
	bad.Metadata.Set(marshaler.MetadataTag, evil[:4])
	bad.Metadata.Set("a long one", strings.Repeat("abcdefghijklmnopqrstuvwxyz", 20))
	require.NoError(t, w.pub.Publish(evilTopic, bad))
	long := message.NewMessage(strings.Repeat("0123456789abcdef", 8), []byte(strings.Repeat("x", 900)))
	require.NoError(t, w.pub.Publish(evilTopic, long))
	for uuid, payload := range map[string]string{
		"json": `{"id":12345678901234567890,"items":[{"name":"book","price":12.50}]}`, "text": "two pizzas", "empty": "",
		"binary": "\x00\x01\x02\xff and more \xfe", "compressed": strings.Repeat("lorem ipsum ", 1000),
	} {
		require.NoError(t, w.pub.Publish("orders", message.NewMessage(uuid, []byte(payload))))
	}
	for i := range 60 {
		require.NoError(t, w.pub.Publish("orders", message.NewMessage("order-"+itoa(int64(i)), []byte(`{"order": `+itoa(int64(i))+`}`))))
	}

	sub, err := subscriber.New(subscriber.Config{
		Cluster: w.cluster.Config(), Group: "billing", Engine: subscriber.Pull,
		StartTimeout: patience, RequestTimeout: patience, CloseTimeout: patience,
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	messages, err := sub.Subscribe(t.Context(), "orders")
	require.NoError(t, err)
	go func() { // ends with the subscriber
		for msg := range messages {
			msg.Ack()
		}
	}()
}

// beat has a client whose names look like markup say that it is there.
func (w *world) beat(t *testing.T) {
	t.Helper()
	client, err := transport.New(transport.Config{Dial: w.cluster.Dial})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	subscription, err := headers.NewSubscription("orders", evilQuote, 1)
	require.NoError(t, err)
	beat := headers.HeartbeatData{ClientID: evilQuote, Consumers: []headers.ConsumerData{{
		Group: evil, ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering, Subscriptions: []headers.SubscriptionData{subscription},
	}}}
	body, err := beat.Encode()
	require.NoError(t, err)
	_, err = headers.Successful(client.Invoke(t.Context(), w.cluster.Broker(0).Addr(), headers.Heartbeat{}, body))
	require.NoError(t, err)
}
