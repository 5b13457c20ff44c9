package groups

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Strategies by which brokers share out queues (QueryAssignmentProcessor of 5.5.0).
const (
	Averagely         = "AVG"
	AveragelyByCircle = "AVG_BY_CIRCLE"
)

// Allocate returns the queues of one member, of sorted queues and members. It is not ok
// for a strategy that brokers do not have.
func Allocate(strategy, member string, queues []headers.MessageQueue, members []string) (share []headers.MessageQueue, ok bool) {
	index := slices.Index(members, member)
	switch strategy {
	case Averagely:
		return averagely(index, queues, len(members)), true
	case AveragelyByCircle:
		for i := index; i >= 0 && i < len(queues); i += len(members) {
			share = append(share, queues[i])
		}
		return share, true
	}
	return nil, false
}

// averagely gives each member a run of queues, the first ones one more where they do not
// divide (AllocateMessageQueueAveragely).
func averagely(index int, queues []headers.MessageQueue, members int) []headers.MessageQueue {
	if index < 0 || len(queues) == 0 {
		return nil
	}
	share, more := len(queues)/members, len(queues)%members
	begin := index*share + min(index, more)
	if index < more {
		share++
	}
	return queues[begin : begin+share]
}

// AllocatePops returns what a member pops from: any queue (-1) of each broker, or, if it
// shares with so many others that there is a difference, its queues and theirs
// (QueryAssignmentProcessor.allocate4Pop).
func AllocatePops(strategy, member string, queues []headers.MessageQueue, members []string, shared int) (list []headers.MessageQueue, ok bool) {
	if shared <= 0 || shared >= len(members)-1 {
		for _, q := range queues {
			if q.QueueID = -1; !slices.Contains(list, q) {
				list = append(list, q)
			}
		}
		return list, true
	}
	index := slices.Index(members, member)
	if len(members) > len(queues) {
		if index >= 0 && len(queues) > 0 {
			list = append(list, queues[index%len(queues)])
		}
		return list, true
	}
	share, ok := Allocate(strategy, member, queues, members)
	list = slices.Clone(share)
	for i := 1; ok && index >= 0 && i <= shared; i++ {
		share, _ = Allocate(strategy, members[(index+i)%len(members)], queues, members)
		list = append(list, share...)
	}
	return list, ok
}
