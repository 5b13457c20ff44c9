package publisher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

var aliceIn = embedded.User{AccessKey: alice, SecretKey: aliceSecret, Publish: []string{orders}}

// signedBy reports whether the request has alice's signature.
func signedBy(r embedded.Request, u embedded.User) bool {
	f := r.Command.Fields
	return f.String(headers.FieldAccessKey) == u.AccessKey &&
		f.String(headers.FieldSignature) == headers.Signature(f, r.Command.Body, u.SecretKey)
}

// Every request is signed, whatever it is and to whom: lookups of the topic, of
// the default topic and of the cluster, sends, heartbeats, the goodbye.
func TestPromiseEveryRequestIsSigned(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.Cluster.Credentials = rocketmq.NewCredentials(alice, aliceSecret) })
		var unsigned atomic.Int32
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if !signedBy(r, aliceIn) {
				unsigned.Add(1)
			}
			return embedded.Fault{}
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, p.Publish("nowhere", newMessage("x")), &noRoute)
		time.Sleep(35 * time.Second) // heartbeats and a refresh
		synctest.Wait()
		require.NoError(t, p.Close())
		require.Zero(t, unsigned.Load())
		stats := c.Stats()
		for _, code := range []headers.RequestCode{
			headers.CodeTopicRoute, headers.CodeClusterInfo, headers.CodeSendMessageV2, headers.CodeHeartbeat, headers.CodeUnregisterClient,
		} {
			require.NotZero(t, stats.Requests(code), code)
		}
	}, embedded.WithACL(aliceIn), embedded.WithoutAutoCreateTopic())
}

// So is what came later: half messages, their end and the answer to a check, recalls,
// the questions of Check, the creation of a topic, and traces.
func TestPromiseEveryFeatureIsSigned(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var unsigned atomic.Int32
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if !signedBy(r, aliceIn) {
				t.Log(r.Server, r.Code)
				unsigned.Add(1)
			}
			return embedded.Fault{}
		})
		var handle string
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.Cluster.Credentials = rocketmq.NewCredentials(alice, aliceSecret)
			c.ProducerGroup = shop
			c.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
				return publisher.TransactionCommit
			}
			c.Trace = publisher.TraceConfig{Enabled: true}
			c.OnResult = func(r publisher.Result) { handle = r.RecallHandle }
		})
		tx, err := p.BeginTransaction(orders, newMessage("x"))
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
		left, err := p.BeginTransaction(orders, newMessage("x"))
		require.NoError(t, err)
		left.Unknown()
		checkNow(t, c)
		require.NoError(t, p.Publish(orders, delayed(delay.For(time.Hour))))
		require.NoError(t, p.Recall(t.Context(), handle))
		checked(t, p, orders)
		require.Error(t, p.CreateTopic(t.Context(), "new"), "that is for administrators")
		synctest.Wait()
		require.NoError(t, p.Close())
		require.Zero(t, unsigned.Load())
		stats := c.Stats()
		for _, code := range []headers.RequestCode{
			headers.CodeEndTransaction, headers.CodeRecallMessage, headers.CodeBrokerConfig, headers.CodeRuntimeInfo,
			headers.CodeTopicStats, headers.CodeClusterInfo, headers.CodeUnregisterClient,
		} {
			require.NotZero(t, stats.Requests(code), code)
		}
		require.Equal(t, 2, storedIn(c, orders))
	}, embedded.WithACL(aliceIn), embedded.WithRecall())
}

// Without credentials no request carries any of the fields.
func TestPromiseNothingIsSignedWithoutCredentials(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			for _, name := range []string{headers.FieldAccessKey, headers.FieldSignature, headers.FieldSecurityToken} {
				if _, ok := r.Command.Fields.Get(name); ok {
					return embedded.Answer(headers.SystemError, name)
				}
			}
			return embedded.Fault{}
		})
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
	})
}

// A provider's error is final for the message and sends nothing; the next message
// asks again.
func TestPromiseProviderFails(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		sealed := errors.New("vault is sealed")
		var failing atomic.Bool
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
				if failing.Load() {
					return rocketmq.Credentials{}, sealed
				}
				return rocketmq.NewCredentials(alice, aliceSecret), nil
			})
		})
		// With a route that is known, and without.
		require.NoError(t, p.Publish(orders, newMessage("x")))
		for _, topic := range []string{orders, "unknown"} {
			failing.Store(true)
			before, elapsed := sends(c), stopwatch()
			e := failureOf(t, p.Publish(topic, newMessages(3)...))
			require.Zero(t, elapsed(), "no other attempt")
			require.Equal(t, before, sends(c))
			var none *rocketmq.CredentialsError
			require.ErrorAs(t, e, &none)
			require.ErrorIs(t, e, sealed)
			require.Equal(t, publisher.NotSent, e.Outcome())
			failing.Store(false)
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
	}, embedded.WithACL(aliceIn))
}

// A provider that takes its time takes it from the message's. Nothing was sent
// then, and a caller that leaves while it waits knows that.
func TestPromiseProviderHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var hanging atomic.Bool
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Cluster.Credentials = rocketmq.CredentialsFunc(func(ctx context.Context) (rocketmq.Credentials, error) {
				if hanging.Load() {
					<-ctx.Done()
					return rocketmq.Credentials{}, context.Cause(ctx)
				}
				return rocketmq.NewCredentials(alice, aliceSecret), nil
			})
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		hanging.Store(true)
		before, elapsed := sends(c), stopwatch()
		e := failureOf(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, 3*time.Second, elapsed())
		require.ErrorIs(t, e, publisher.ErrSendTimeout)
		require.ErrorContains(t, e, "no credentials in time")
		require.Equal(t, publisher.NotSent, e.Outcome())

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		e = failureOf(t, p.Publish(orders, messageIn(ctx)))
		require.ErrorIs(t, e, context.Canceled)
		require.Equal(t, publisher.NotSent, e.Outcome())
		require.Equal(t, before, sends(c))
		hanging.Store(false)
		require.NoError(t, p.Publish(orders, newMessage("x")))
	}, embedded.WithACL(aliceIn))
}

// A name server that wants to know its clients, as a proxy does, refuses at once
// as a broker does.
func TestPromiseNameServersRefuse(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeTopicRoute {
				return embedded.Answer(headers.SystemError, "User:alice has no permission to access Topic:orders from 127.0.0.1, no matched policies.")
			}
			return embedded.Fault{}
		})
		elapsed := stopwatch()
		e := failureOf(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
		require.Zero(t, elapsed())
		var permission *rocketmq.PermissionError
		require.ErrorAs(t, e, &permission)
		require.Equal(t, publisher.NotSent, e.Outcome())
		require.Equal(t, 1, e.Results[0].Attempts)
	}, embedded.WithNameServers(2))
}

// Changed keys that brokers know already are used by the next request.
func TestPromiseRotation(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var secret atomic.Value
		secret.Store(aliceSecret)
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = seen.add
			c.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
				return rocketmq.NewCredentials(alice, secret.Load().(string)), nil
			})
		})
		publishOne(t, p, seen)
		connections := c.Stats().Accepted()
		changed := aliceIn
		changed.SecretKey = "tomorrow's secret"
		require.NoError(t, c.SetUsers(changed))
		e := failureOf(t, p.Publish(orders, newMessage("x")))
		var authentication *rocketmq.AuthenticationError
		require.ErrorAs(t, e, &authentication)
		require.Equal(t, rocketmq.WrongSignature, authentication.Reason)
		require.Equal(t, 1, seen.next(t).Attempts, "final for this message")
		secret.Store("tomorrow's secret")
		require.Equal(t, 1, publishOne(t, p, seen).Attempts)
		require.Equal(t, connections, c.Stats().Accepted())
	}, embedded.WithACL(aliceIn))
}

// Keys that change with every request, while many publish, are never mixed up:
// each request has one user's access key, token and signature.
func TestPromiseRotationUnderLoad(t *testing.T) {
	bobbyIn := embedded.User{AccessKey: bobby, SecretKey: bobbySecret, Publish: []string{orders}}
	c, err := embedded.Start(embedded.WithTopic(orders, 4), embedded.WithACL(aliceIn, bobbyIn))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	var mixed, asked atomic.Int64
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if token := r.Command.Fields.String(headers.FieldSecurityToken); token != "token of "+r.Command.Fields.String(headers.FieldAccessKey) {
			mixed.Add(1)
		}
		return embedded.Fault{}
	})
	p := publisherOn(t, c, func(c *publisher.Config) {
		c.SendTimeout, c.AttemptTimeout = time.Minute, time.Minute
		c.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
			keys := rocketmq.NewCredentials(alice, aliceSecret)
			if asked.Add(1)%2 == 0 {
				keys = rocketmq.NewCredentials(bobby, bobbySecret)
			}
			keys.SecurityToken = rocketmq.NewSecret("token of " + keys.AccessKey)
			return keys, nil
		})
	})
	const callers, calls = 16, 50
	errs := make(chan error, callers)
	for range callers {
		go func() {
			var err error
			for range calls {
				err = errors.Join(err, p.Publish(orders, newMessage("x")))
			}
			errs <- err
		}()
	}
	for range callers {
		require.NoError(t, <-errs)
	}
	require.Zero(t, mixed.Load())
	require.Len(t, messagesIn(c, orders), callers*calls)
}

// Whatever is printed, in whatever way: the secret key and the token are not in
// it.
func TestPromiseSecretsAreNotShown(t *testing.T) {
	synctest.Test(t, secretsAreNotShown)
}

func secretsAreNotShown(t *testing.T) {
	const secret, token = "5ecret-key", "5ecret-token"
	credentials := rocketmq.NewCredentials(alice, secret)
	credentials.SecurityToken = rocketmq.NewSecret(token)
	var out, logged bytes.Buffer // the handler of logged has a lock
	logger := watermill.NewSlogLogger(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug - 10})))
	show := func(values ...any) {
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			text, err := json.Marshal(v)
			fmt.Fprintf(&out, "%s %v %+v\n", text, err, err)
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", v)
		}
	}
	type hidden struct {
		credentials rocketmq.Credentials
		pointer     *rocketmq.Credentials
		provider    rocketmq.CredentialsProvider
		secret      rocketmq.Secret
	}
	show(credentials, &credentials, credentials.SecretKey, &credentials.SecurityToken, map[string]rocketmq.Secret{"a": credentials.SecretKey},
		hidden{credentials, &credentials, credentials, credentials.SecretKey}, []rocketmq.Credentials{credentials})

	good := embedded.User{AccessKey: alice, SecretKey: secret, Publish: []string{orders}}
	other := good
	other.SecretKey = "another"
	for _, users := range [][]embedded.User{{good}, {other}, {{AccessKey: "somebody", SecretKey: "x"}}} {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithACL(users...), embedded.WithTopic(orders, 1), embedded.WithTopic("closed", 1))
		require.NoError(t, err)
		cfg := publisher.Config{Cluster: rocketmq.Cluster{NameServers: c.NameServers(), Dial: c.Dial, Credentials: credentials}}
		cfg.OnResult = func(r publisher.Result) { show(r) }
		p, err := publisher.New(cfg, logger)
		require.NoError(t, err)
		for _, topic := range []string{orders, "closed"} {
			show(p.Publish(topic, newMessage("x")))
		}
		synctest.Wait() // heartbeats are refused as well, and logged
		require.NoError(t, p.Close())
		require.NoError(t, c.Close())
		show(cfg, &cfg, p, *publisherValue(p))
	}
	bad := publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}, Credentials: rocketmq.Credentials{SecretKey: credentials.SecretKey}}}
	show(bad.Validate())

	require.Contains(t, logged.String(), "check signature failed")
	require.NotContains(t, logged.String(), secret)
	require.NotContains(t, logged.String(), token)
	require.NotContains(t, out.String(), secret)
	require.NotContains(t, out.String(), token)
	require.Contains(t, out.String(), "[redacted]")
	require.Contains(t, out.String(), "unknown user", "errors were printed")
	require.Equal(t, secret, credentials.SecretKey.Reveal())
}

// publisherValue is for printing what a Publisher holds.
func publisherValue(p *publisher.Publisher) *struct{ P *publisher.Publisher } {
	return &struct{ P *publisher.Publisher }{p}
}
