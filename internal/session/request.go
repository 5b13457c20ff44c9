package session

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// RequestHandler is a member's part in the requests of one code that brokers make. It is
// called as a transport.RequestHandler is, so it must return soon.
type RequestHandler struct {
	// Claim says how good the member's claim to a request is. It is asked only if
	// there are others, and the best claim wins. If all are 0 the request is the first
	// member's, who has to say what is wrong with it. It is not asked about requests
	// that are for every member of a group, and may be nil for those.
	Claim func(request *transport.PeerRequest) int
	// Handle takes the request. One that is for every member of a group is given to
	// all of them.
	Handle func(request *transport.PeerRequest)
}

// peerRequest is a kind of request that members may have a part in.
type peerRequest struct {
	code headers.RequestCode
	// group is the field that has the consumer group, whose members alone have a part in
	// the request. It is empty if the request is not about one.
	group string
	// toAll says that it is for every member of the group, and not for one of them.
	toAll bool
}

// ofPeers are these requests, with the fields of the headers of 5.5.0:
// NotifyConsumerIdsChangedRequestHeader, ResetOffsetRequestHeader,
// GetConsumerStatusRequestHeader, GetConsumerRunningInfoRequestHeader and
// ConsumeMessageDirectlyResultRequestHeader. A reply (PUSH_REPLY_MESSAGE_TO_CLIENT) names
// the group of who has sent it, which says nothing of the member that it is for.
var ofPeers = [...]peerRequest{
	{code: headers.CodeCheckTransactionState},
	{code: headers.CodePushReplyMessage},
	{code: headers.CodeConsumerIDsChanged, group: "consumerGroup", toAll: true},
	{code: headers.CodeResetClientOffset, group: "group"},
	{code: headers.CodeConsumerStatus, group: "group"},
	{code: headers.CodeConsumerRunningInfo, group: "consumerGroup"},
	{code: headers.CodeConsumeMessageDirectly, group: "consumerGroup"},
}

// requests is transport.Config.Requests.
func (s *Session) requests() map[headers.RequestCode]transport.RequestHandler {
	table := make(map[headers.RequestCode]transport.RequestHandler)
	for _, kind := range ofPeers {
		table[kind.code] = func(request *transport.PeerRequest) { s.request(kind, request) }
	}
	return table
}

// request gives a request to the member that it is for, or to all that it is for.
func (s *Session) request(kind peerRequest, request *transport.PeerRequest) {
	var takes []RequestHandler
	for _, m := range s.present() {
		handler, ok := m.role.Requests[kind.code]
		if ok && m.isConcernedBy(kind, request) && m.hold() {
			defer m.calls.Done()
			takes = append(takes, handler)
		}
	}
	switch {
	case len(takes) == 0:
		_ = request.Refuse() // the connection has ended, and the peer knows
	case kind.toAll:
		for _, handler := range takes {
			handler.Handle(request)
		}
	default:
		bestClaim(takes, request).Handle(request)
	}
}

// isConcernedBy reports whether the member can have a part in a request.
func (m *Member) isConcernedBy(kind peerRequest, request *transport.PeerRequest) bool {
	if kind.group == "" {
		return true
	}
	group := request.Fields.String(kind.group)
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	return !m.silent && m.isIn(group)
}

// bestClaim returns the handler with the best claim to the request.
func bestClaim(takes []RequestHandler, request *transport.PeerRequest) RequestHandler {
	best, most := takes[0], 0
	if len(takes) > 1 {
		for _, handler := range takes {
			if claim := handler.Claim(request); claim > most {
				best, most = handler, claim
			}
		}
	}
	return best
}
