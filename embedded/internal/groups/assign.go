package groups

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// Assign answers QUERY_ASSIGNMENT for a group whose members read queues in a mode, which is
// the zero value unless it was set (QueryAssignmentProcessor of 5.5.0). It is not ok if there
// is no answer to go by.
func Assign(in *headers.QueryAssignmentData, queues []headers.MessageQueue, members []string, mode headers.SetMessageRequestModeData) (out headers.AssignmentData, ok bool) {
	if mode.Mode == "" {
		mode.Mode = headers.RequestModePull
	}
	ok = len(queues) > 0
	switch {
	case !ok, in.MessageModel == headers.Broadcasting:
	case len(members) == 0:
		ok = false
	case mode.Mode == headers.RequestModePop:
		queues, ok = AllocatePops(in.Strategy, in.ClientID, queues, members, int(mode.PopShareQueues))
	default:
		queues, ok = Allocate(in.Strategy, in.ClientID, queues, members)
	}
	out.Assignments = []headers.Assignment{}
	for _, q := range queues {
		out.Assignments = append(out.Assignments, headers.Assignment{Queue: q, Mode: mode.Mode})
	}
	return out, ok
}
