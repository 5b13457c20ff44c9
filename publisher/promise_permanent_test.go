package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// permanence is a way to fail. An error of type or sentinel name comes of it, which is
// permanent or not.
type permanence struct {
	name      string
	permanent bool
	opts      []embedded.Option
	fault     embedded.Fault
	change    func(*publisher.Config)
	topic     string
	message   func() *message.Message
	// do does something else than to publish the message.
	do func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher) error
}

func withTag(tag string) func() *message.Message {
	return func() *message.Message {
		msg := newMessage("x")
		msg.Metadata.Set(marshaler.MetadataTag, tag)
		return msg
	}
}

func waiting(d time.Duration) func() *message.Message {
	return func() *message.Message { return delayed(delay.For(d)) }
}

func answering(code headers.ResponseCode, remark string) embedded.Fault {
	return embedded.Answer(code, remark)
}

// permanences has each exported error of the package at least once.
func permanences() []permanence {
	plain := func() *message.Message { return newMessage("x") }
	nilMessage := func() *message.Message { return nil }
	ended := func() *message.Message {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return messageIn(ctx)
	}
	closed := func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
		require.NoError(t, p.Close())
		return p.Publish(orders, newMessage("x"))
	}
	return []permanence{
		// What is in the message.
		{name: "ErrNilMessage", permanent: true, message: nilMessage},
		{name: "MarshalError", permanent: true, message: withTag("a|b")},
		{name: "OrderingKeyError", permanent: true, message: plain, change: func(c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { return "", errors.New("no customer") }
		}},
		{name: "MessageTooLargeError", permanent: true, message: plain, change: func(c *publisher.Config) {
			c.MaxMessageSize = 1
			noCompression(c)
		}, do: func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Publish(orders, newMessage("xx"))
		}},
		{name: "TopicError", permanent: true, message: plain, topic: "%RETRY%group"},
		{name: "DelayMetadataError", permanent: true, message: func() *message.Message {
			msg := newMessage("x")
			msg.Metadata.Set(delay.DelayedUntilKey, "soon")
			return msg
		}},
		{name: "DelayTooLongError", permanent: true, message: waiting(30 * 24 * time.Hour)},
		{name: "DelayTooLongError", permanent: true, message: waiting(3 * time.Hour), opts: []embedded.Option{embedded.WithMaxDelay(time.Minute)}},
		{name: "DelayLevelError", permanent: true, message: waiting(3 * time.Hour), opts: []embedded.Option{withLevels}},
		{name: "CombinationError", permanent: true, do: func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.PublishOneway(orders, newMessage("x"))
		}, change: alwaysKeyed},
		{name: "StatusError", permanent: true, message: plain, fault: answering(headers.MessageIllegal, "")},
		{name: "TopicError", permanent: true, do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.CreateTopic(t.Context(), "%RETRY%group")
		}},
		{name: "RecallError", permanent: true, do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Recall(t.Context(), "no handle")
		}},
		{name: "ErrRecallHandle", permanent: true, do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Recall(t.Context(), "no handle")
		}},
		{name: "ErrRecallTooLate", permanent: true, opts: []embedded.Option{embedded.WithRecall()}, do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			handle := recallHandle(t, p)
			time.Sleep(2 * time.Hour)
			return p.Recall(t.Context(), handle)
		}},

		// What is mended elsewhere.
		{name: "ErrRecallDisabled", do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Recall(t.Context(), recallHandle(t, p))
		}},
		{name: "ErrClosed", do: closed},
		{name: "ErrSendTimeout", message: plain, fault: embedded.Ignore()},
		{name: "OverloadError", change: smallBatches, do: overloaded},
		{name: "GiveUpError", message: plain, fault: answering(headers.SystemBusy, "")},
		{name: "context.Canceled", message: ended},
		{name: "NotDurableError", message: plain, fault: embedded.StoreThenAnswer(headers.FlushDiskTimeout, ""), change: func(c *publisher.Config) { c.RequireDurable = true }},
		{name: "NoRouteError", message: plain, topic: "missing", opts: []embedded.Option{embedded.WithoutAutoCreateTopic()}},
		{name: "StatusError", message: plain, fault: answering(4711, "from the future")},
		{name: "StatusError", message: plain, fault: answering(headers.RequestNotSupported, "")},
		{name: "TimersDisabledError", message: waiting(3 * time.Hour), opts: []embedded.Option{embedded.WithoutTimers()}},
		{name: "UnsupportedError", message: func() *message.Message { return newMessage("solo") }, opts: []embedded.Option{withLevels}, change: func(c *publisher.Config) {
			c.Marshaler = soloMarshaler(headers.Property{Name: "TIMER_DELAY_SEC", Value: "60"})
		}},
		{name: "SelectorError", message: plain, change: func(c *publisher.Config) { c.Queues.Selector = badSelector{} }},
		{name: "AccessError", message: plain, fault: answering(headers.SystemError, "org.apache.rocketmq.acl.common.AclException: in other words")},
		{name: "AuthenticationError", message: plain, fault: answering(headers.NoPermission, "username cannot be null")},
		{name: "PermissionError", message: plain, fault: answering(headers.NoPermission, "User:x has no permission to access Topic:y")},
		{name: "CredentialsError", message: plain, change: func(c *publisher.Config) {
			c.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
				return rocketmq.Credentials{}, errors.New("no vault")
			})
		}},
		{name: "CreateError", do: func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher) error {
			c.Broker(0).Kill()
			return p.CreateTopic(t.Context(), "new")
		}},
		{name: "BrokerError", do: func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher) error {
			c.Broker(0).Kill()
			return p.CreateTopic(t.Context(), "new")
		}},
		{name: "ErrNoOnResult", do: func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.PublishAsync(orders, newMessage("x"))
		}},
		{name: "ErrNoTransactionCheck", do: func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			_, err := p.BeginTransaction(orders, newMessage("x"))
			return err
		}},
		{name: "ErrWaitingFull", change: func(c *publisher.Config) {
			c.Waiting.Messages = 1
			c.OnResult = func(publisher.Result) {}
		}, fault: embedded.Ignore(), do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			require.NoError(t, p.PublishAsync(orders, newMessage("x")))
			return p.PublishAsync(orders, newMessage("x"))
		}},
		{name: "TransactionError", change: withCheck(judging(publisher.TransactionCommit)), do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			tx := begin(t, p, "x")
			require.NoError(t, tx.Commit(t.Context()))
			return tx.Commit(t.Context())
		}},
		{name: "ErrTransactionEnded", change: withCheck(judging(publisher.TransactionCommit)), do: func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			tx := begin(t, p, "x")
			require.NoError(t, tx.Commit(t.Context()))
			return tx.Commit(t.Context())
		}},
	}
}

// recallHandle publishes a message for an hour later and returns its handle.
func recallHandle(t *testing.T, p *publisher.Publisher) string {
	t.Helper()
	h := headers.RecallHandle{Topic: orders, BrokerName: "broker-a", Timestamp: time.Now().Add(time.Hour).UnixMilli(), UniqueKey: "0"}
	return h.String()
}

type badSelector struct{}

func (badSelector) Select(*routing.Route, []string) routing.MessageQueue {
	return routing.MessageQueue{Topic: "elsewhere"}
}

// Every error says whether the message can ever be published as it is.
func TestPromisePermanent(t *testing.T) {
	for _, test := range permanences() {
		t.Run(fmt.Sprintf("%s %v", test.name, test.permanent), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, test.fault)
				p := publisherOn(t, c, test.change)
				var err error
				if test.do != nil {
					err = test.do(t, c, p)
				} else {
					topic := test.topic
					if topic == "" {
						topic = orders
					}
					err = p.Publish(topic, test.message())
				}
				require.Error(t, err)
				require.True(t, strings.Contains(test.name, ".") || hasError(err, test.name), "%s is not in %#v", test.name, err)
				require.Equal(t, test.permanent, errors.Is(err, publisher.ErrPermanent), "%v", err)
				require.Equal(t, test.permanent, errors.Is(fmt.Errorf("router: %w", errors.Join(err, errBroken)), publisher.ErrPermanent), "in a router")
				var failed *publisher.Error
				if errors.As(err, &failed) {
					require.Equal(t, test.permanent, errors.Is(failed.Results[0].Err, publisher.ErrPermanent))
				}
			}, test.opts...)
		})
	}
}

// Of a call that cannot be made as it is, the results say which message is to blame.
func TestPromisePermanentInACall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, oneByOne)
		failed := failureOf(t, p.Publish(orders, named("1", "bad2", "3")...))
		require.ErrorIs(t, failed, publisher.ErrPermanent)
		for i, want := range []bool{false, true, false} {
			require.Equal(t, want, errors.Is(failed.Results[i].Err, publisher.ErrPermanent))
		}
		require.NotErrorIs(t, failed, publisher.ErrClosed)
	})
}

// A refusal of what shares a request says nothing of the others.
func TestPromisePermanentOfOneInABatch(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(_ int, r embedded.Request) embedded.Fault {
			if strings.Contains(string(r.Command.Body), "bad") {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Fault{}
		})
		failed := failureOf(t, publisherOn(t, c, nil).Publish(orders, newMessage("1"), newMessage("bad"), newMessage("3"), newMessage("4")))
		for i := range failed.Results {
			require.Equal(t, i == 1, errors.Is(failed.Results[i].Err, publisher.ErrPermanent), "%d: %v", i, failed.Results[i].Err)
		}
	})
}

// No exported error has been forgotten above.
func TestPermanentKnowsAllErrors(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	created, err := filepath.Glob("../topics/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, created)
	known := []string{
		"Error", "ErrPermanent", // those that answer
		"ErrNotAttempted",                                   // see TestPromisePermanentInACall
		"ErrAttemptTimeout",                                 // of an Attempt
		"ErrCloseTimeout",                                   // of Close
		"CheckError",                                        // of Check, which publishes nothing
		"CertificateError",                                  // a handshake that fails; see promise_security_test.go
		"ErrSeveralClusters", "ErrNoMaster", "ErrNotRouted", // in a CreateError
		"CreateGroupError", // of consumer groups
	}
	for _, test := range permanences() {
		known = append(known, test.name)
	}
	for _, source := range append(sources, created...) {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			var names []*ast.Ident
			switch n := n.(type) {
			case *ast.TypeSpec:
				if strings.HasSuffix(n.Name.Name, "Error") {
					names = append(names, n.Name)
				}
			case *ast.ValueSpec:
				for _, name := range n.Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, name)
					}
				}
			}
			for _, name := range names {
				if name.IsExported() {
					require.True(t, slices.Contains(known, name.Name), "say of %s whether it is permanent", name.Name)
				}
			}
			return true
		})
	}
}

// hasError reports whether an error of that type, or the sentinel of that name, is in
// err.
func hasError(err error, name string) bool {
	sentinels := map[string]error{
		"ErrNilMessage": publisher.ErrNilMessage, "ErrClosed": publisher.ErrClosed, "ErrSendTimeout": publisher.ErrSendTimeout,
		"ErrNoOnResult": publisher.ErrNoOnResult, "ErrWaitingFull": publisher.ErrWaitingFull,
		"ErrNoTransactionCheck": publisher.ErrNoTransactionCheck, "ErrTransactionEnded": publisher.ErrTransactionEnded,
		"ErrRecallHandle": publisher.ErrRecallHandle, "ErrRecallDisabled": publisher.ErrRecallDisabled, "ErrRecallTooLate": publisher.ErrRecallTooLate,
	}
	if sentinel := sentinels[name]; sentinel != nil {
		return errors.Is(err, sentinel)
	}
	if strings.HasSuffix(fmt.Sprintf("%T", err), "."+name) {
		return true
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		return hasError(err.Unwrap(), name)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(err.Unwrap(), func(err error) bool { return hasError(err, name) })
	}
	return false
}
