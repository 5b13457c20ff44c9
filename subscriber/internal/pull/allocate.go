package pull

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// allocate returns the share of the member that is at index in the sorted list of so many
// members. Each has a block of queues that are next to each other, the first ones one more
// where they cannot have the same number (AllocateMessageQueueAveragely of 5.5.0). All
// members of a group have to divide in the same way. The result is part of queues.
func allocate(queues []routing.MessageQueue, members, index int) []routing.MessageQueue {
	if index < 0 || index >= members {
		return nil
	}
	share, more := len(queues)/members, len(queues)%members
	start := index*share + min(index, more)
	if index < more {
		share++
	}
	return queues[start : start+share]
}

// ownerOf returns the index of the member that has the queue at that index.
func ownerOf(queue, queues, members int) int {
	share, more := queues/members, queues%members
	if large := more * (share + 1); queue >= large {
		return more + (queue-large)/share
	}
	return queue / (share + 1)
}

// shareOf is allocate for a member by its id.
func shareOf(queues []routing.MessageQueue, members []string, id string) (share []routing.MessageQueue, ok bool) {
	at, ok := slices.BinarySearch(members, id)
	if !ok {
		return nil, false
	}
	return allocate(queues, len(members), at), true
}
