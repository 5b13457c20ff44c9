package publisher_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// brokerLink is the way of one publisher to its brokers, which can be closed. Name
// servers are always reached.
type brokerLink struct {
	dial        func(ctx context.Context, network, addr string) (net.Conn, error)
	nameServers []string

	mu     sync.Mutex
	closed bool
	loses  string // the answer to the message that has this in it is lost, and the link closed with it
}

func linkIn(w *world) *brokerLink {
	l := &brokerLink{dial: w.dial, nameServers: w.nameServers}
	if l.dial == nil {
		l.dial = new(net.Dialer).DialContext
	}
	return l
}

func (l *brokerLink) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if !slices.Contains(l.nameServers, addr) && l.isClosed() {
		return nil, errors.New("the link is closed")
	}
	nc, err := l.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &linkedConn{Conn: nc, link: l}, nil
}

func (l *brokerLink) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *brokerLink) setClosed(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = yes
}

// linkedConn is a connection of a brokerLink.
type linkedConn struct {
	net.Conn
	link *brokerLink
	lose bool // the next answer about a message; guarded by the link's mutex
}

func (c *linkedConn) Write(b []byte) (int, error) {
	c.link.mu.Lock()
	if c.link.loses != "" && bytes.Contains(b, []byte(c.link.loses)) {
		c.lose, c.link.loses = true, ""
	}
	c.link.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *linkedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.lose && bytes.Contains(b[:n], []byte("msgId")) {
		c.link.closed = true
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
	}
	return n, err
}

// A half message that was stored late, after attempts that failed, is young: it is
// not checked at once, and its commit does not come too late. The other message
// shows that the time of CheckAfter has passed since the call began.
func TestHalfMessageOfALateAttempt(t *testing.T) {
	inTransactionWorlds(t, endlessChecks, func(t *testing.T, w *world, _ bool) {
		topic := newTopic(t, "late")
		w.createTopic(t, topic, 1)
		d := newDecisions()
		checkAfter := 4 * time.Second // more than transactionTimeOut
		if w.embedded != nil {
			checkAfter = time.Second
		}
		of := func(group string, dial func(context.Context, string, string) (net.Conn, error)) *publisher.Publisher {
			return publisherIn(t, w, func(c *publisher.Config) {
				c.ProducerGroup, c.Transaction.Check, c.Transaction.CheckAfter = topic+group, d.check, checkAfter
				c.SendTimeout, c.Cluster.Dial = 10*time.Minute, dial
			})
		}
		link := linkIn(w)
		link.setClosed(true)
		late, mark := of("-late", link.connect), of("-mark", w.dial)
		var opened time.Time
		var wg sync.WaitGroup
		wg.Go(func() {
			marked, err := mark.BeginTransaction(topic, newMessage("unknown mark"))
			if err != nil {
				t.Error(err)
				return
			}
			marked.Unknown()
			<-d.seen // only the mark can be asked about
			opened = time.Now()
			link.setClosed(false)
		})
		tx, err := late.BeginTransaction(topic, newMessage("late"))
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
		wg.Wait()
		got := awaitMessages(t, w, topic, 1)[0]
		require.Equal(t, "late", string(got.Body))
		require.GreaterOrEqual(t, got.Born, opened.UnixMilli())
		require.Zero(t, d.count("late"))
	})
}

// The answer to a half message is lost, and no broker is reached until another
// process of the group has said that it has never heard of the transaction. Then the
// half message is sent again, the local transaction commits, and its process ends
// before it can say so: the other process is asked about the second half message too.
func TestSecondHalfMessageIsAskedAbout(t *testing.T) {
	inTransactionWorlds(t, endlessChecks, func(t *testing.T, w *world, _ bool) {
		topic := newTopic(t, "second")
		w.createTopic(t, topic, 1)
		var db bookings
		asked := make(chan struct{}, 100)
		of := func(dial func(context.Context, string, string) (net.Conn, error)) *publisher.Publisher {
			p, err := publisher.New(publisher.Config{
				Cluster:       rocketmq.Cluster{NameServers: w.nameServers, Dial: dial, DialTimeout: time.Minute},
				ProducerGroup: topic, SendTimeout: 10 * time.Minute, AttemptTimeout: time.Minute,
				Transaction: publisher.TransactionConfig{Check: func(ctx context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
					defer func() { asked <- struct{}{} }()
					return db.check(ctx, msg)
				}},
			}, nil)
			require.NoError(t, err)
			return p
		}
		link := linkIn(w)
		link.loses = "paid for"
		first, second := of(link.connect), of(w.dial)
		defer func() { require.NoError(t, second.Close()) }()
		var wg sync.WaitGroup
		wg.Go(func() {
			<-asked
			link.setClosed(false)
		})
		tx, err := first.BeginTransaction(topic, newMessage("paid for"))
		require.NoError(t, err)
		wg.Wait()
		require.Equal(t, []publisher.TransactionState{publisher.TransactionRollback}, db.answers())
		db.commit(tx)
		require.NoError(t, first.Close())
		got := awaitMessages(t, w, topic, 1)[0]
		require.Equal(t, tx.Info().MessageID, got.UniqueID)
		require.Contains(t, db.answers(), publisher.TransactionCommit)
	})
}
