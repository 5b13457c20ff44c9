package transport_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// keep is a table whose handlers of these codes keep the requests.
func keep(kept chan *transport.PeerRequest, codes ...headers.RequestCode) map[headers.RequestCode]transport.RequestHandler {
	table := make(map[headers.RequestCode]transport.RequestHandler)
	for _, code := range codes {
		table[code] = func(request *transport.PeerRequest) { kept <- request }
	}
	return table
}

// coded is a request of that code.
type coded headers.RequestCode

func (c coded) RequestCode() headers.RequestCode { return headers.RequestCode(c) }

func (coded) AppendFields(dst []byte, s headers.Serialization) []byte {
	return headers.AppendField(dst, s, "name", "value")
}

// ask is a request of that code as a broker sends it.
func ask(t *testing.T, s headers.Serialization, opaque int32, oneway bool, code headers.RequestCode) []byte {
	t.Helper()
	frame, err := headers.AppendRequest(nil, s, opaque, oneway, coded(code), []byte("question"))
	require.NoError(t, err)
	return frame
}

// Requests of the peer are handed on in their order, with the address that they came
// from, whatever their number; those without a handler that want an answer are
// refused.
func TestRequestsAreHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		got := make(chan *transport.PeerRequest, 10)
		c := newClient(t, transport.Config{Dial: n.Dial, Requests: keep(got, headers.CodeHeartbeat)})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		p.Send(requestFrame(t, r.Opaque, true))
		p.Send(requestFrame(t, 7, true))
		p.Send(ask(t, headers.JSON, 8, false, headers.CodeCheckTransactionState))
		require.Equal(t, int32(headers.RequestNotSupported), p.Next().Code)
		first := <-got
		require.Equal(t, addr, first.Addr)
		require.Equal(t, r.Opaque, first.Opaque)
		require.Equal(t, int32(7), (<-got).Opaque)
		require.Empty(t, got)
		call.Waits(t)
		r.Answer("pong")
		call.Wants(t, "pong")
	})
}

// Each code has its handler, whichever way the request comes. The table is the
// client's own.
func TestRequestsGoByTheirCode(t *testing.T) {
	const large headers.RequestCode = 200_050
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			first, second := make(chan *transport.PeerRequest, 10), make(chan *transport.PeerRequest, 10)
			table := keep(first, headers.CodeConsumerIDsChanged)
			for code, handler := range keep(second, headers.CodeConsumerRunningInfo, large) {
				table[code] = handler
			}
			c := newClient(t, transport.Config{Dial: n.Dial, Requests: table})
			clear(table)
			call := invoke(t.Context(), c, addr, "ping")
			p := n.Accept()
			r := p.Expect("ping")
			p.Send(ask(t, s, 1, true, headers.CodeConsumerIDsChanged))
			p.Send(ask(t, s, 2, false, headers.CodeConsumerRunningInfo))
			p.Send(ask(t, s, 3, true, large))
			p.Send(ask(t, s, 4, true, headers.CodeHeartbeat)) // nobody's, and no answer is wanted
			p.Send(ask(t, s, 5, false, headers.CodeHeartbeat))
			refusal := p.Next()
			require.Equal(t, int32(5), refusal.Opaque)
			require.Equal(t, int32(headers.RequestNotSupported), refusal.Code)
			require.Equal(t, s, refusal.Serialization)

			require.Len(t, first, 1)
			require.Len(t, second, 2)
			changed, info, pop := <-first, <-second, <-second
			require.Equal(t, []int32{1, 2, 3}, []int32{changed.Opaque, info.Opaque, pop.Opaque})
			require.Equal(t, "question", string(info.Body))
			require.Equal(t, "value", info.Fields.String("name"))
			require.Equal(t, []bool{true, false, true}, []bool{changed.IsOneway(), info.IsOneway(), pop.IsOneway()})
			r.Answer("pong")
			call.Wants(t, "pong")
		})
	}
}

// An answer is what the peer asked for, in the serialization that it asked in, also
// when it comes late, out of order and from another goroutine.
func TestAnswerToThePeer(t *testing.T) {
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			got := make(chan *transport.PeerRequest, 10)
			c := newClient(t, transport.Config{Dial: n.Dial, Serialization: 1 - s, Requests: keep(got, headers.CodeConsumerRunningInfo)})
			call := invoke(t.Context(), c, addr, "ping")
			p := n.Accept()
			r := p.Expect("ping")
			p.Send(ask(t, s, r.Opaque, false, headers.CodeConsumerRunningInfo)) // each side counts its own
			p.Send(ask(t, s, -7, false, headers.CodeConsumerRunningInfo))
			first, second := <-got, <-got
			synctest.Wait() // the peer waits

			body, errs := []byte("state"), make(chan error, 2)
			go func() {
				errs <- second.Answer(headers.Success, "", headers.FieldList{{Name: "a", Value: "1"}}, body)
				clear(body)
				errs <- first.Answer(headers.SystemError, "sorry", nil, nil)
			}()
			require.NoError(t, <-errs)
			require.NoError(t, <-errs)
			answer := p.Next()
			require.True(t, answer.IsResponse())
			require.False(t, answer.IsOneway())
			require.Equal(t, int32(-7), answer.Opaque)
			require.Equal(t, s, answer.Serialization)
			require.Equal(t, int32(headers.Success), answer.Code)
			require.Equal(t, "1", answer.Fields.String("a"))
			require.Equal(t, "state", string(answer.Body))
			require.Equal(t, headers.Version5_5_0, answer.Version)
			answer = p.Next()
			require.Equal(t, r.Opaque, answer.Opaque)
			require.Equal(t, int32(headers.SystemError), answer.Code)
			require.Equal(t, "sorry", string(answer.Remark))

			call.Waits(t)
			r.Answer("pong")
			call.Wants(t, "pong")
		})
	}
}

// The requests that a 5.5.0 broker made of a Java client reach their handlers, and what
// is answered to the one that wants an answer says what the Java client said.
func TestGoldenRequestsOfTheBroker(t *testing.T) {
	const pushReply headers.RequestCode = 326
	golden := func(name string) []byte {
		text, err := os.ReadFile("../headers/testdata/golden/" + name + ".hex")
		require.NoError(t, err)
		frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		return frame
	}
	parse := func(frame []byte) headers.Command {
		c, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
		require.NoError(t, err)
		return c
	}
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		got := make(chan *transport.PeerRequest, 10)
		c := newClient(t, transport.Config{
			Dial: n.Dial, Serialization: headers.Binary,
			Requests: keep(got, headers.CodeCheckTransactionState, headers.CodeConsumerIDsChanged, pushReply),
		})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		for _, name := range []string{"21_tx_check_39_from_broker", "26_notify_consumer_ids_changed_40", "41_push_reply_326_from_broker"} {
			frame := golden(name)
			p.Send(frame)
			require.Equal(t, parse(frame), (<-got).Command)
		}
		p.Send(golden("41_push_reply_326_from_broker"))
		want := parse(golden("42_push_reply_326_client_answer"))
		require.NoError(t, (<-got).Answer(headers.ResponseCode(want.Code), string(want.Remark), nil, want.Body))
		answer := p.Next().Command
		require.Equal(t, headers.LanguageGo, answer.Language)
		answer.Language = want.Language
		require.Equal(t, want, answer)
		r.Answer("pong")
		call.Wants(t, "pong")
	})
}

// A request gets one answer, and a one-way request none.
func TestAnswerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		got := make(chan *transport.PeerRequest, 10)
		c := newClient(t, transport.Config{Dial: n.Dial, MaxFrameSize: 1000, Requests: keep(got, headers.CodeConsumerRunningInfo)})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		p.Send(ask(t, headers.JSON, 1, true, headers.CodeConsumerRunningInfo))
		p.Send(ask(t, headers.JSON, 2, false, headers.CodeConsumerRunningInfo))
		oneway, asked := <-got, <-got
		require.NoError(t, oneway.Answer(headers.Success, "", nil, nil))
		require.NoError(t, oneway.Refuse())

		err := asked.Answer(headers.Success, "", nil, make([]byte, 1000))
		requireUnanswered(t, err, headers.ErrTooLarge)
		require.NoError(t, asked.Answer(headers.SystemError, "too large", nil, nil), "another one fits")
		err = asked.Refuse()
		requireUnanswered(t, err, transport.ErrAnswered)
		require.EqualError(t, err, "transport: answer broker:10911: already answered (answer not sent)")

		answer := p.Next()
		require.Equal(t, int32(2), answer.Opaque)
		require.Equal(t, "too large", string(answer.Remark))
		r.Answer("pong")
		call.Wants(t, "pong")
		next := invoke(t.Context(), c, addr, "next")
		p.Expect("next").Answer("") // nothing else was sent
		next.Wants(t, "")
	})
}

// Of several goroutines that answer one request, one does.
func TestAnswerOnceAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		got := make(chan *transport.PeerRequest, 10)
		c := newClient(t, transport.Config{Dial: n.Dial, Requests: keep(got, headers.CodeConsumerRunningInfo)})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		p.Send(ask(t, headers.JSON, 1, false, headers.CodeConsumerRunningInfo))
		asked := <-got
		errs := make(chan error, 20)
		var wg sync.WaitGroup
		for range cap(errs) {
			wg.Go(func() { errs <- asked.Refuse() })
		}
		wg.Wait()
		close(errs)
		answered := 0
		for err := range errs {
			if err == nil {
				answered++
				continue
			}
			requireUnanswered(t, err, transport.ErrAnswered)
		}
		require.Equal(t, 1, answered)
		require.EqualValues(t, headers.RequestNotSupported, p.Next().Code)
		r.Answer("pong")
		call.Wants(t, "pong")
	})
}

func requireUnanswered(t *testing.T, err, want error) {
	t.Helper()
	var op *transport.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "answer", op.Op)
	require.Equal(t, addr, op.Addr)
	require.False(t, op.Sent)
	require.ErrorIs(t, err, want)
}

// Who answers when the connection has ended is told so, and why it ended.
func TestAnswerAfterTheEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(c *transport.Client, p *peer) error
		want error
	}{
		"cut by the peer": {func(_ *transport.Client, p *peer) error { return p.nc.Close() }, io.EOF},
		"closed":          {func(c *transport.Client, _ *peer) error { return c.Close() }, transport.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				got := make(chan *transport.PeerRequest, 1)
				c := newClient(t, transport.Config{Dial: n.Dial, Requests: keep(got, headers.CodeConsumerRunningInfo)})
				call := invoke(t.Context(), c, addr, "ping")
				p := n.Accept()
				p.Expect("ping")
				p.Send(ask(t, headers.JSON, 1, false, headers.CodeConsumerRunningInfo))
				asked := <-got
				require.NoError(t, tc.end(c, p))
				call.Fails(t)
				synctest.Wait()
				requireUnanswered(t, asked.Answer(headers.Success, "", nil, nil), tc.want)
			})
		})
	}
}

// Answers to a peer that asks without end and reads nothing are bounded in number and
// in bytes, whether they are given at once or later, and calls still get through when
// it reads again.
func TestFloodOfRequestsWithHandler(t *testing.T) {
	for name, size := range map[string]int{"small answers": 10, "large answers": 1 << 20, "huge answers": 5 << 20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				body := make([]byte, size)
				var handled, answered int // by the one that reads from the connection
				handler := func(request *transport.PeerRequest) {
					handled++
					err := request.Answer(headers.Success, "", nil, body)
					if err == nil {
						answered++
						return
					}
					requireUnanswered(t, err, transport.ErrTooManyAnswers)
				}
				c := newClient(t, transport.Config{
					Dial: n.Dial, Requests: map[headers.RequestCode]transport.RequestHandler{headers.CodeConsumerRunningInfo: handler},
				})
				call := invoke(t.Context(), c, addr, "ping")
				p := n.Accept()
				r := p.Expect("ping")
				question := ask(t, headers.Binary, 1, false, headers.CodeConsumerRunningInfo)
				for range 10_000 {
					p.Send(question)
				}
				synctest.Wait()
				require.LessOrEqual(t, handled, answered+3, "nobody works for answers that have no room")
				require.GreaterOrEqual(t, answered, 2, "in the writer's hands and queued")
				require.LessOrEqual(t, answered, 2*64)
				if size > 10 {
					require.LessOrEqual(t, answered*size, 2*(4<<20)+2*size)
				}
				for range answered {
					require.Len(t, p.Next().Body, size)
				}
				r.Answer("pong")
				call.Wants(t, "pong")

				p.Send(question) // it is answered again
				require.Len(t, p.Next().Body, size)
			})
		})
	}
}

// Answers that come later than the requests find the same bounds.
func TestFloodOfLateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		const count = 1000
		got := make(chan *transport.PeerRequest, count)
		c := newClient(t, transport.Config{Dial: n.Dial, Requests: keep(got, headers.CodeConsumerRunningInfo)})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		for i := range int32(count) {
			p.Send(ask(t, headers.Binary, i, false, headers.CodeConsumerRunningInfo))
		}
		synctest.Wait()
		require.Len(t, got, count)
		answered := 0
		var refused *transport.PeerRequest
		for range count {
			request := <-got
			err := request.Answer(headers.Success, "", nil, nil)
			if err == nil {
				answered++
			} else {
				requireUnanswered(t, err, transport.ErrTooManyAnswers)
				refused = request
			}
		}
		require.LessOrEqual(t, answered, 2*64)
		for range answered {
			p.Next()
		}
		synctest.Wait()
		require.NoError(t, refused.Answer(headers.Success, "", nil, nil), "there is room again")
		require.Equal(t, refused.Opaque, p.Next().Opaque)
		r.Answer("pong")
		call.Wants(t, "pong")
	})
}

// A request that a test of a handler makes is answered as one whose connection has ended.
func TestAnswerWithoutConnection(t *testing.T) {
	request := &transport.PeerRequest{Addr: addr}
	var op *transport.OpError
	require.ErrorAs(t, request.Answer(headers.Success, "", nil, nil), &op)
	require.Equal(t, "answer", op.Op)
	require.ErrorAs(t, request.Refuse(), &op)
}

func TestHandlerIsNil(t *testing.T) {
	_, err := transport.New(transport.Config{Requests: map[headers.RequestCode]transport.RequestHandler{headers.CodeConsumerRunningInfo: nil}})
	require.EqualError(t, err, "transport: config: the handler of GET_CONSUMER_RUNNING_INFO in Requests is nil")
}

// A handler is called by a caller that reads its own answer, too: the peer gets its
// answer and so does the caller.
func TestOwnReadHandsRequestsOn(t *testing.T) {
	l := listen(t)
	got := make(chan *transport.PeerRequest, 1)
	c := newClient(t, transport.Config{Requests: map[headers.RequestCode]transport.RequestHandler{
		headers.CodeConsumerRunningInfo: func(request *transport.PeerRequest) {
			if err := request.Answer(headers.Success, "", nil, request.Body); err != nil {
				t.Error(err)
			}
		},
		headers.CodeConsumerIDsChanged: keep(got, headers.CodeConsumerIDsChanged)[headers.CodeConsumerIDsChanged],
	}})
	p := lonely(t, c, l)
	for range 20 {
		call := invoke(t.Context(), c, l.addr(), "ping")
		r := p.Expect("ping")
		p.Send(ask(t, headers.JSON, 7, false, headers.CodeConsumerRunningInfo))
		require.Equal(t, "question", string(p.Next().Body))
		p.Send(ask(t, headers.JSON, 8, false, headers.CodeConsumerIDsChanged))
		later := <-got
		require.NoError(t, later.Answer(headers.Success, "", nil, []byte("later")))
		require.Equal(t, "later", string(p.Next().Body))
		r.Answer("pong")
		call.Wants(t, "pong")
	}
}

// A request that insists on JSON goes beside binary ones over one connection, and its
// answer is read whichever way it comes.
func TestRequestsInJSON(t *testing.T) {
	for _, answers := range []headers.Serialization{headers.JSON, headers.Binary} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			c := newClient(t, transport.Config{Dial: n.Dial, Serialization: headers.Binary})
			var p *peer
			for _, tc := range []struct {
				request headers.Request
				want    headers.Serialization
			}{
				{headers.Heartbeat{}, headers.Binary},
				{headers.InJSON(headers.Heartbeat{}), headers.JSON},
				{coded(32_767), headers.Binary},
				{coded(32_768), headers.JSON},
				{coded(200_050), headers.JSON},
				{headers.Heartbeat{}, headers.Binary},
			} {
				call := make(pending, 1)
				go func() {
					answer, err := c.Invoke(t.Context(), addr, tc.request, []byte("body"))
					call <- result{string(answer.Body), err}
				}()
				if p == nil {
					p = n.Accept()
				}
				r := p.Expect("body")
				require.Equal(t, tc.want, r.Serialization)
				require.EqualValues(t, tc.request.RequestCode(), r.Code)
				frame, err := headers.AppendResponse(nil, answers, r.Opaque, headers.PullNotFound, "none", headers.FieldList{{Name: "a", Value: "1"}}, []byte("answer"))
				require.NoError(t, err)
				p.Send(frame)
				call.Wants(t, "answer")
			}
			require.Len(t, n.Dialed(), 1)
		})
	}
}

// A decorator that signs a request leaves it in JSON.
func TestDecoratedRequestsInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{
			Dial: n.Dial, Serialization: headers.Binary,
			Decorate: func(_ context.Context, r headers.Request, body []byte) (headers.Request, error) {
				return headers.Sign(r, body, "key", "secret", ""), nil
			},
		})
		call := make(chan error, 1)
		go func() {
			_, err := headers.Successful(c.Invoke(t.Context(), addr, headers.InJSON(headers.Heartbeat{}), nil))
			call <- err
		}()
		p := n.Accept()
		r := p.Expect("")
		require.Equal(t, headers.JSON, r.Serialization)
		require.Equal(t, "key", r.Fields.String(headers.FieldAccessKey))
		require.Equal(t, headers.Signature(r.Fields, nil, "secret"), r.Fields.String(headers.FieldSignature))
		frame, err := headers.AppendResponse(nil, headers.JSON, r.Opaque, headers.NoPermission, strings.Repeat("no ", 3), nil, nil)
		require.NoError(t, err)
		p.Send(frame)
		var status *headers.StatusError
		require.True(t, errors.As(<-call, &status))
		require.Equal(t, headers.NoPermission, status.Code)
	})
}
