// Command vectors asks other clients of RocketMQ to which queue they send a key,
// and writes what they say into test vectors, which routing.KeyHash is tested with.
// It needs a JDK and Maven.
//
//	go run . -out ../../routing/testdata/keyhash
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

// vectors is a file of them.
type vectors struct {
	// Client is what picked the queues, with its version, and By the code in it.
	Client string `json:"client"`
	By     string `json:"by"`
	// Routes has the picks for each route.
	Routes []routeVectors `json:"routes"`
}

type routeVectors struct {
	Name string `json:"name"`
	// Route is the answer of a name server to GET_ROUTEINFO_BY_TOPIC.
	Route json.RawMessage `json:"route"`
	Picks []pick          `json:"picks"`
}

type pick struct {
	Key     string `json:"key"`
	Broker  string `json:"broker"`
	QueueID int    `json:"queueId"`
}

// client picks queues.
type client interface {
	// use sets the route that the next keys are for.
	use(route string) error
	pick(key string) (broker string, queueID int, err error)
}

func main() {
	out := flag.String("out", "", "folder for the vectors")
	flag.Parse()
	log.SetFlags(0)
	if *out == "" {
		log.Fatal("vectors: -out is missing")
	}
	if err := run(*out); err != nil {
		log.Fatalf("vectors: %v", err)
	}
}

func run(out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "vectors-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	remoting, err := startJava("java/remoting", "Remoting.java", "org.apache.rocketmq.proxy.grpc.v2.producer.Remoting", work)
	if err != nil {
		return err
	}
	defer remoting.stop()
	grpc, err := startJava("java/grpc", "Grpc.java", "Grpc", work)
	if err != nil {
		return err
	}
	defer grpc.stop()
	golang, err := startGoClient()
	if err != nil {
		return err
	}
	defer golang.stop()
	for _, f := range []struct {
		file   string
		header vectors
		client client
	}{
		{"java.json", vectors{Client: remoting.jar("rocketmq-client-"), By: "SelectMessageQueueByHash.select over MQClientInstance.topicRouteData2TopicPublishInfo"}, javaClient{remoting, "java"}},
		{"proxy.json", vectors{Client: remoting.jar("rocketmq-proxy-"), By: "SendMessageActivity.SendMessageQueueSelector.select over MessageQueueView"}, javaClient{remoting, "proxy"}},
		{"siphash.json", vectors{
			Client: grpc.jar("rocketmq-client-java-"),
			By:     "PublishingLoadBalancer.takeMessageQueueByMessageGroup over RouteActivity.queryRoute of " + remoting.jar("rocketmq-proxy-"),
		}, grpcClient{remoting, grpc}},
		{"fnv1a.json", vectors{Client: golang.version(), By: "producer.NewHashQueueSelector over the list that a producer gives it"}, golang},
	} {
		made, err := ask(f.client)
		if err != nil {
			return fmt.Errorf("%s: %w", f.file, err)
		}
		f.header.Routes = made
		if err := write(filepath.Join(out, f.file), f.header); err != nil {
			return err
		}
	}
	return nil
}

// ask lets a client pick a queue for every key on every route.
func ask(c client) ([]routeVectors, error) {
	var all []routeVectors
	for _, r := range routes {
		if err := c.use(r.body); err != nil {
			return nil, fmt.Errorf("route %q: %w", r.name, err)
		}
		v := routeVectors{Name: r.name, Route: json.RawMessage(r.body)}
		for _, key := range keys() {
			broker, id, err := c.pick(key)
			if errors.Is(err, errNoKey) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("route %q, key %q: %w", r.name, key, err)
			}
			v.Picks = append(v.Picks, pick{key, broker, id})
		}
		all = append(all, v)
	}
	return all, nil
}

// write writes the vectors with one pick a line, so that what changes shows.
func write(path string, v vectors) error {
	var b bytes.Buffer
	line := func(indent string, value any, end string) error {
		text, err := json.Marshal(value)
		fmt.Fprintf(&b, "%s%s%s\n", indent, text, end)
		return err
	}
	comma := func(i, n int) string {
		if i == n-1 {
			return ""
		}
		return ","
	}
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	fmt.Fprintf(&b, "{\n\"client\": %q,\n\"by\": %q,\n\"routes\": [\n", v.Client, v.By)
	for i, r := range v.Routes {
		fmt.Fprintf(&b, "{\"name\": %q,\n\"route\":\n", r.Name)
		add(line("", r.Route, ","))
		b.WriteString("\"picks\": [\n")
		for k, p := range r.Picks {
			add(line("", p, comma(k, len(r.Picks))))
		}
		fmt.Fprintf(&b, "]}%s\n", comma(i, len(v.Routes)))
	}
	b.WriteString("]}\n")
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
