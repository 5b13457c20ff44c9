package control

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// groupState is a consumer group, on all brokers.
type groupState struct {
	Name         string `json:"name"`
	ConsumeType  string `json:"consumeType,omitempty"`
	MessageModel string `json:"messageModel,omitempty"`
	// Lag is how many messages the group has still to consume, in the queues that it has
	// committed offsets for.
	Lag           int64               `json:"lag"`
	Members       []memberState       `json:"members"`
	Subscriptions []subscriptionState `json:"subscriptions"`
	Queues        []positionState     `json:"queues"`
}

type memberState struct {
	ClientID string `json:"clientId"`
	Addr     string `json:"addr"`
	Language string `json:"language"`
	Version  string `json:"version"`
	// Brokers are those that know the member.
	Brokers []string `json:"brokers"`
}

type subscriptionState struct {
	Topic      string `json:"topic"`
	Expression string `json:"expression"`
	Type       string `json:"type,omitempty"`
}

// positionState is where a group is in a queue.
type positionState struct {
	Topic     string `json:"topic"`
	Broker    string `json:"broker"`
	Queue     int32  `json:"queue"`
	MaxOffset int64  `json:"maxOffset"`
	// Committed is null if the group has not committed an offset, and Lag as well then.
	Committed *int64 `json:"committed"`
	// Unacked is the first message that was popped and not acknowledged, null if there is
	// none.
	Unacked *int64 `json:"unacked"`
	Lag     *int64 `json:"lag"`
}

// groupList is the answer to GET /v1/groups.
type groupList struct {
	Groups []groupState `json:"groups"`
}

// known is an offset or a number of messages, nil for none.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (h *Handler) groups() groupList {
	byName := make(map[string]*groupState)
	for _, b := range h.cluster.Brokers() {
		for _, g := range b.Groups() {
			s := byName[g.Name]
			if s == nil {
				s = &groupState{Name: g.Name, Members: []memberState{}, Subscriptions: []subscriptionState{}, Queues: []positionState{}}
				byName[g.Name] = s
			}
			s.add(b.Name(), &g)
		}
	}
	list := groupList{Groups: make([]groupState, 0, len(byName))}
	for _, s := range byName {
		slices.SortStableFunc(s.Queues, func(x, y positionState) int { return cmp.Compare(x.Topic, y.Topic) })
		list.Groups = append(list.Groups, *s)
	}
	slices.SortFunc(list.Groups, func(x, y groupState) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// add takes in what a broker knows of the group.
func (s *groupState) add(broker string, g *embedded.GroupState) {
	s.ConsumeType = cmp.Or(s.ConsumeType, string(g.ConsumeType))
	s.MessageModel = cmp.Or(s.MessageModel, string(g.MessageModel))
	for _, m := range g.Members {
		i := slices.IndexFunc(s.Members, func(o memberState) bool { return o.ClientID == m.ClientID })
		if i < 0 {
			i = len(s.Members)
			s.Members = append(s.Members, memberState{m.ClientID, m.Addr, m.Language, m.Version.String(), nil})
		}
		s.Members[i].Brokers = append(s.Members[i].Brokers, broker)
	}
	for _, d := range g.Subscriptions {
		one := subscriptionState{d.Topic, d.Expression, d.ExpressionType}
		if !slices.Contains(s.Subscriptions, one) {
			s.Subscriptions = append(s.Subscriptions, one)
		}
	}
	for i := range g.Positions {
		p := &g.Positions[i]
		s.Queues = append(s.Queues, positionState{
			p.Topic, broker, p.Queue.ID, p.Queue.MaxOffset, known(p.Committed), known(p.Unacked), known(p.Lag()),
		})
		s.Lag += max(0, p.Lag())
	}
}

func (h *Handler) getGroups(c *call) error { return reply(c, http.StatusOK, h.groups()) }

func (h *Handler) getGroup(c *call) error {
	for _, g := range h.groups().Groups {
		if g.Name == c.args["group"] {
			return reply(c, http.StatusOK, g)
		}
	}
	return refuse(http.StatusNotFound, "there is no group %.256q", c.args["group"])
}
