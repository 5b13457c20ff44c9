package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// listener is a member's part in requests: it claims as much as it says, answers with its
// name, and counts.
type listener struct {
	name  string
	claim int
	got   map[headers.RequestCode]int
}

func (l *listener) role(codes ...headers.RequestCode) session.Role {
	l.got = make(map[headers.RequestCode]int)
	role := session.Role{Requests: make(map[headers.RequestCode]session.RequestHandler)}
	for _, code := range codes {
		role.Requests[code] = session.RequestHandler{
			Claim: func(*transport.PeerRequest) int { return l.claim },
			Handle: func(r *transport.PeerRequest) {
				l.got[code]++ // of one broker, so one at a time
				_ = r.Answer(headers.Success, "", nil, []byte(l.name))
			},
		}
	}
	return role
}

func ofGroup(field, group string) headers.FieldList {
	return headers.FieldList{{Name: field, Value: group}}
}

// Every member of a group is told that the group has changed, and nobody else.
func TestChangeOfGroupReachesEveryMember(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		var in1, in2, deaf, out listener
		for l, group := range map[*listener]string{&in1: "billing", &in2: "billing", &out: "shipping"} {
			m := join(t, s, l.role(headers.CodeConsumerIDsChanged))
			defer m.Leave()
			read(t, m, group, topic)
		}
		m := join(t, s, deaf.role())
		defer m.Leave()
		read(t, m, "billing", topic)
		time.Sleep(time.Second)
		synctest.Wait()
		for _, l := range []*listener{&in1, &in2, &out} {
			l.got = make(map[headers.RequestCode]int) // what their own joins have brought
		}

		b := c.Broker(0)
		require.Equal(t, 1, b.SendToClients(headers.CodeConsumerIDsChanged, ofGroup("consumerGroup", "billing"), nil))
		require.Equal(t, 1, b.SendToClients(headers.CodeConsumerIDsChanged, ofGroup("consumerGroup", "nobody's"), nil))
		require.Equal(t, 1, b.SendToClients(headers.CodeConsumerIDsChanged, nil, nil))
		synctest.Wait()
		require.Equal(t, 1, in1.got[headers.CodeConsumerIDsChanged])
		require.Equal(t, 1, in2.got[headers.CodeConsumerIDsChanged])
		require.Zero(t, out.got[headers.CodeConsumerIDsChanged])
	})
}

// Other requests about a group have one answer: that of the member of the group with the
// best claim. Without one they are refused.
func TestRequestOfGroupHasOneAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		codes := map[headers.RequestCode]string{
			headers.CodeResetClientOffset: "group", headers.CodeConsumerStatus: "group",
			headers.CodeConsumerRunningInfo: "consumerGroup", headers.CodeConsumeMessageDirectly: "consumerGroup",
		}
		ask := func(code headers.RequestCode, field, group string) headers.Command {
			answers, err := c.Broker(0).AskClients(t.Context(), code, ofGroup(field, group), nil)
			require.NoError(t, err)
			require.Len(t, answers, 1)
			return answers[0]
		}
		weak, strong, other := listener{name: "weak", claim: 1}, listener{name: "strong", claim: 2}, listener{name: "other", claim: 3}
		for code, field := range codes {
			members := make(map[*listener]*session.Member)
			for l, group := range map[*listener]string{&weak: "billing", &strong: "billing", &other: "shipping"} {
				members[l] = join(t, s, l.role(code))
				read(t, members[l], group, topic)
			}
			synctest.Wait()
			answer := ask(code, field, "billing")
			require.NoError(t, answer.Err())
			require.Equal(t, "strong", string(answer.Body), code)
			require.Zero(t, weak.got[code])
			answer = ask(code, field, "shipping")
			require.Equal(t, "other", string(answer.Body), code)
			answer = ask(code, field, "nobody's")
			require.EqualValues(t, headers.RequestNotSupported, answer.Code)

			members[&strong].Leave()
			answer = ask(code, field, "billing")
			require.Equal(t, "weak", string(answer.Body), code)
			members[&weak].Goodbye(time.Second)
			answer = ask(code, field, "billing")
			require.EqualValues(t, headers.RequestNotSupported, answer.Code, "it is in the group no longer")
			members[&weak].Leave()
			members[&other].Leave()
		}
	})
}
