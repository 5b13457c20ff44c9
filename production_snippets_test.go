package rocketmq_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"

	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// What stands between the marks in these functions is in docs/production.md as well.

func productionClient(logger wm.LoggerAdapter) error {
	// SNIPPET:
	client, err := rocketmq.Connect(rocketmq.Cluster{NameServers: []string{"ns-1:9876", "ns-2:9876"}}, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	pub, err := publisher.New(publisher.Config{Client: client, ProducerGroup: "shop"}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	sub, err := subscriber.New(subscriber.Config{Client: client, Group: "billing"}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	// :SNIPPET
	return nil
}

func productionTopics(cluster rocketmq.Cluster, logger wm.LoggerAdapter) (*publisher.Publisher, error) {
	// SNIPPET:
	pub, err := publisher.New(publisher.Config{
		Cluster:      cluster,
		CreateTopics: topics.Config{Enabled: true, Queues: 8},
	}, logger)
	// :SNIPPET
	return pub, err
}

func productionTLS(pool *x509.CertPool, own tls.Certificate) rocketmq.Cluster {
	// SNIPPET:
	cluster := rocketmq.Cluster{
		NameServers: []string{"ns-1:9876"},
		TLS:         &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}, // own: for mutual TLS only
	}
	// :SNIPPET
	return cluster
}

func productionKeys(accessKey, secretKey string) rocketmq.Cluster {
	// SNIPPET:
	cluster := rocketmq.Cluster{
		NameServers: []string{"ns-1:9876"},
		Credentials: rocketmq.NewCredentials(accessKey, secretKey),
	}
	// :SNIPPET
	return cluster
}

func productionTag(msg *message.Message) {
	// SNIPPET:
	msg.Metadata.Set(marshaler.MetadataTag, "paid") // consumers subscribe to it
	// :SNIPPET
}

func productionCheck(ctx context.Context, pub *publisher.Publisher) error {
	// SNIPPET:
	report, err := pub.Check(ctx, "orders")
	if err != nil {
		return err
	}
	fmt.Println(report)
	return report.Err() // what keeps messages from being published; report.Warnings() has the rest
	// :SNIPPET
}

func TestProduction(t *testing.T) {
	require.NoError(t, productionClient(nil))
	require.NoError(t, productionTLS(x509.NewCertPool(), tls.Certificate{}).Validate())
	require.NoError(t, productionKeys("app", "secret").Validate())

	// A topic is created with the queues that the page says, and the tag is one.
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithoutAutoCreateTopic())
	require.NoError(t, err)
	defer cluster.Close()
	pub, err := productionTopics(cluster.Config(), nil)
	require.NoError(t, err)
	defer pub.Close()
	msg := message.NewMessage("1", []byte("a book"))
	productionTag(msg)
	require.NoError(t, pub.Publish("orders", msg))
	created := cluster.Broker(0).Topics()
	require.Len(t, created, 1)
	require.Equal(t, 8, created[0].WriteQueues)
	stored, err := cluster.Messages("orders")
	require.NoError(t, err)
	require.Equal(t, "paid", stored[0].Tags)
	require.Equal(t, "1", stored[0].Keys)
	require.NoError(t, productionCheck(t.Context(), pub))
}

func TestProductionTopicNames(t *testing.T) {
	requireTopicNames(t, "docs/production.md")
	for _, refused := range []string{"%RETRY%billing", "rmq_sys_x", ""} {
		_, err := marshaler.EscapeTopics{}.MapTopic(refused)
		require.Error(t, err, refused)
	}
}
