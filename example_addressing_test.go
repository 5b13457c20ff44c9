package rocketmq_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// The name servers come from wherever you keep them: here from a function, which is
// called again every two minutes.
func ExampleCluster_resolver() {
	cluster := startBroker()
	defer cluster.Close()

	directory := func(context.Context) ([]string, error) {
		return cluster.NameServers(), nil // of a configuration service, say
	}
	pub, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			Resolver: routing.ResolverFunc(directory),
			Dial:     cluster.Dial,
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	fmt.Println(pub.Publish("orders", message.NewMessage("1", []byte("a book"))))
	// Output: <nil>
}

// An HTTP endpoint lists the name servers, as it does for Java clients that were
// given none.
func ExampleCluster_httpDiscovery() {
	cluster := startBroker()
	defer cluster.Close()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.Join(cluster.NameServers(), ";"))
	}))
	defer endpoint.Close()

	pub, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			Resolver: routing.NewHTTPResolver(endpoint.URL + "/rocketmq/nsaddr"),
			Dial:     cluster.Dial,
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	fmt.Println(pub.Publish("orders", message.NewMessage("1", []byte("a book"))))
	// Output: <nil>
}

// Every address of a name is a name server of its own, as with a headless service
// of Kubernetes.
func ExampleCluster_dns() {
	cluster := startBroker(embedded.WithNameServers(2), embedded.WithNameServerAddr("127.0.0.2:9876", "127.0.0.3:9876"))
	defer cluster.Close()

	pub, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			Resolver: routing.DNSResolver{
				Names: []string{"namesrv.example:9876"},
				// A program of yours leaves Lookup to the system.
				Lookup: func(context.Context, string) ([]string, error) { return []string{"127.0.0.2", "127.0.0.3"}, nil },
			},
			Dial: cluster.Dial,
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	fmt.Println(pub.Publish("orders", message.NewMessage("1", []byte("a book"))))
	// Output: <nil>
}

// With a namespace the topic has another name at the brokers, and the same one for
// the program.
func ExampleCluster_namespace() {
	cluster := startBroker()
	defer cluster.Close()

	pub, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			NameServers: cluster.NameServers(),
			Dial:        cluster.Dial,
			Namespace:   "tenant-7",
		},
		OnResult: func(r publisher.Result) { fmt.Println("published to", r.MessageQueue.Topic) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	stored, err := cluster.Messages("tenant-7%orders")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("stored in", stored[0].Topic)
	// Output:
	// published to orders
	// stored in tenant-7%orders
}

// A namespace v2 is in the fields of each request, for servers that know it.
func ExampleCluster_namespaceV2() {
	cluster := startBroker()
	defer cluster.Close()
	stop := cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil {
			fmt.Println(r.Send.Topic, "nsd="+r.Command.Fields.String("nsd"), "ns="+r.Command.Fields.String("ns"))
		}
		return embedded.Fault{}
	})
	defer stop()

	pub, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			NameServers: cluster.NameServers(),
			Dial:        cluster.Dial,
			NamespaceV2: "tenant-7",
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	// Output: orders nsd=true ns=tenant-7
}

// Messages go to the second port of the broker, two below the one it registers.
func ExampleCluster_vipChannel() {
	cluster := startBroker(embedded.WithVIPPort())
	defer cluster.Close()

	pub, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			NameServers: cluster.NameServers(),
			Dial:        cluster.Dial,
			VIPChannel:  true,
		},
		OnResult: func(r publisher.Result) { fmt.Println("sent to", r.BrokerAddr) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	fmt.Println("registered at", cluster.Broker(0).Addr())
	// Output:
	// sent to 127.0.0.1:10909
	// registered at 127.0.0.1:10911
}
