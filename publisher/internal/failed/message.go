// Package failed knows what Watermill's components do to a message that could not be
// handled before they publish it.
package failed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// What Watermill's components (1.5.1) write into the metadata of a message that
// could not be handled. Their packages have dependencies of their own.
const (
	// middleware.PoisonQueue
	metadataPoisonReason     = "reason_poisoned"
	metadataPoisonTopic      = "topic_poisoned"
	metadataPoisonHandler    = "handler_poisoned"
	metadataPoisonSubscriber = "subscriber_poisoned"
	// components/requeuer
	metadataRequeued = "_watermill_requeuer_retries"
	// components/requestreply
	metadataReplyError = "_watermill_requestreply_error"
)

// diagnostics are those of them that are text for people to read, of any length: an
// error that middleware.Recoverer made has a whole stack in it.
var diagnostics = [...]string{
	metadataPoisonReason, metadataPoisonTopic, metadataPoisonHandler, metadataPoisonSubscriber, metadataReplyError,
}

// IsPoisoned reports whether a poison queue publishes the message, or has done so.
func IsPoisoned(msg *message.Message) bool {
	_, ok := msg.Metadata[metadataPoisonReason]
	return ok
}

// HasFailed reports whether a poison queue or a requeuer publishes the message, or
// has done so: it has been handled before, in vain, and nobody is left to whom
// an error would be of use.
func HasFailed(msg *message.Message) bool {
	_, requeued := msg.Metadata[metadataRequeued]
	return requeued || IsPoisoned(msg)
}

// outlives reports whether the message is to be published though its context has
// ended. That of a poisoned message ends with the handler under
// middleware.Timeout, and that of a message with its Ack, which
// middleware.InstantAck sends before the handler runs. Both say nothing of this
// call.
func outlives(msg *message.Message) bool {
	select {
	case <-msg.Acked():
		return true
	default:
		return IsPoisoned(msg)
	}
}

// withLiveContexts is Live where a context has ended.
func withLiveContexts(messages []*message.Message) []*message.Message {
	own := false
	for i, msg := range messages {
		ctx := msg.Context()
		if ctx.Err() == nil || !outlives(msg) {
			continue
		}
		if !own {
			messages, own = slices.Clone(messages), true
		}
		messages[i] = Changed(msg, func(message.Metadata) {})
		messages[i].SetContext(context.WithoutCancel(ctx))
	}
	return messages
}

// Changed returns a copy of the message with other metadata.
func Changed(msg *message.Message, change func(message.Metadata)) *message.Message {
	own := message.NewMessageWithContext(msg.Context(), msg.UUID, msg.Payload)
	if msg.Metadata == nil {
		own.Metadata = nil
		return own
	}
	own.Metadata = maps.Clone(msg.Metadata)
	change(own.Metadata)
	return own
}

// CutDiagnostics returns a copy of the message in which the longest of what people
// read is cut to what fits, or, where even that does not do, left out. It returns nil
// if the message does not fit without them either. size is how many bytes of properties the
// marshaler makes of a message, and refusal what was said of those of msg.
func CutDiagnostics(msg *message.Message, refusal *marshaler.PropertiesTooLargeError, size func(*message.Message) (int, error)) *message.Message {
	longest := -1
	for _, name := range diagnostics {
		if text, ok := msg.Metadata[name]; ok {
			longest = max(longest, len(text))
		}
	}
	if longest < 0 {
		return nil
	}
	whole, err := size(msg)
	if err != nil {
		return nil
	}
	room := refusal.Limit - (refusal.Size - whole) // for what the marshaler makes
	fits := func(m *message.Message) bool {
		bytes, err := size(m)
		return err == nil && bytes <= room
	}
	cutTo := func(n int) *message.Message {
		return Changed(msg, func(metadata message.Metadata) {
			for _, name := range diagnostics {
				if text, ok := metadata[name]; ok {
					metadata[name] = cutText(text, n)
				}
			}
		})
	}
	if tooLong := sort.Search(longest, func(n int) bool { return !fits(cutTo(n)) }); tooLong > 0 {
		return cutTo(tooLong - 1)
	}
	bare := Changed(msg, func(metadata message.Metadata) {
		for _, name := range diagnostics {
			delete(metadata, name)
		}
	})
	if fits(bare) {
		return bare
	}
	return nil
}

// longestCutMark is more than what cutText adds to a text.
const longestCutMark = 40

// cutText cuts a text to n bytes, or up to three less so as to cut no rune in two, and
// says behind them how many are missing. A text that would not get shorter by that
// stays whole.
func cutText(text string, n int) string {
	if len(text) <= n+longestCutMark {
		return text
	}
	for range utf8.UTFMax - 1 {
		if n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
	}
	return fmt.Sprintf("%s... [%d bytes cut]", text[:n], len(text)-n)
}
