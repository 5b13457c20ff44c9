package rocketmq_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A user of a cluster with access control, who may publish to one topic.
func ExampleNewCredentials() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithACL(
		embedded.User{AccessKey: "shop", SecretKey: "s3cr3t", Publish: []string{"orders"}},
	))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()

	p, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			NameServers: cluster.NameServers(),
			Dial:        cluster.Dial,
			Credentials: rocketmq.NewCredentials("shop", "s3cr3t"),
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	fmt.Println(p.Publish("orders", message.NewMessage("1", []byte("two pizzas"))))

	err = p.Publish("payrolls", message.NewMessage("2", []byte("a raise")))
	var permission *rocketmq.PermissionError
	fmt.Println(errors.As(err, &permission), "-", err)
	// Output:
	// <nil>
	// true - publisher: cannot publish message "2" to topic "payrolls" (not sent): no permission: access denied: answered NO_PERMISSION (16): User:shop has no permission to access Topic:payrolls from 127.0.0.1, no matched policies.
}

// Keys that change while the publisher runs. Each request is signed by what the
// provider returns then; connections stay as they are.
func ExampleCredentialsFunc() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithACL(
		embedded.User{AccessKey: "shop", SecretKey: "monday", Publish: []string{"orders"}},
	))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()

	var secret atomic.Pointer[rocketmq.Secret] // refreshed by whoever knows when
	use := func(text string) {
		s := rocketmq.NewSecret(text)
		secret.Store(&s)
	}
	use("monday")
	p, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{
			NameServers: cluster.NameServers(),
			Dial:        cluster.Dial,
			Credentials: rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
				return rocketmq.Credentials{AccessKey: "shop", SecretKey: *secret.Load()}, nil
			}),
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	fmt.Println(p.Publish("orders", message.NewMessage("1", []byte("two pizzas"))))

	err = cluster.SetUsers(embedded.User{AccessKey: "shop", SecretKey: "tuesday", Publish: []string{"orders"}})
	if err != nil {
		log.Fatal(err)
	}
	var refused *rocketmq.AuthenticationError
	if errors.As(p.Publish("orders", message.NewMessage("2", []byte("too soon"))), &refused) {
		fmt.Println(refused.Reason)
	}
	use("tuesday")
	fmt.Println(p.Publish("orders", message.NewMessage("3", []byte("two pizzas"))))
	fmt.Printf("%+v\n", rocketmq.Credentials{AccessKey: "shop", SecretKey: *secret.Load()})
	// Output:
	// <nil>
	// wrong secret key
	// <nil>
	// {AccessKey:shop SecretKey:[redacted] SecurityToken:}
}

// TLS in which both sides show a certificate. In earnest the authority and the
// certificates are your organization's.
func ExampleCluster_mutualTLS() {
	authority, err := testcert.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	server, err := authority.Issue()
	if err != nil {
		log.Fatal(err)
	}
	client, err := authority.Issue()
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTLSRequired(), embedded.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{server},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    authority.Pool(),
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()

	for _, certificates := range [][]tls.Certificate{{client}, nil} {
		p, err := publisher.New(publisher.Config{
			Cluster: rocketmq.Cluster{
				NameServers: cluster.NameServers(),
				Dial:        cluster.Dial,
				TLS:         &tls.Config{RootCAs: authority.Pool(), Certificates: certificates},
			},
		}, nil)
		if err != nil {
			log.Fatal(err)
		}
		err = p.Publish("orders", message.NewMessage("1", []byte("two pizzas")))
		var certificate *rocketmq.CertificateError
		fmt.Println("published:", err == nil, "- certificate refused:", errors.As(err, &certificate))
		if err := p.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// published: true - certificate refused: false
	// published: false - certificate refused: true
}
