package subscriber

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/hooks"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// joinHooks returns the hooks of all in one.
func joinHooks(list []Hooks) Hooks {
	about := func(pick func(h *Hooks) func(context.Context, MessageEvent)) func(context.Context, MessageEvent) {
		return hooks.Join2(list, pick)
	}
	return Hooks{
		Fetched: hooks.Join1(list, func(h *Hooks) func(FetchEvent) { return h.Fetched }),
		DeliveryStart: hooks.Chain2(list, func(h *Hooks) func(context.Context, *message.Message, MessageEvent) context.Context {
			return h.DeliveryStart
		}),
		Received:         about(func(h *Hooks) func(context.Context, MessageEvent) { return h.Received }),
		Acked:            about(func(h *Hooks) func(context.Context, MessageEvent) { return h.Acked }),
		Nacked:           hooks.Join2(list, func(h *Hooks) func(context.Context, NackEvent) { return h.Nacked }),
		Released:         about(func(h *Hooks) func(context.Context, MessageEvent) { return h.Released }),
		Renewed:          about(func(h *Hooks) func(context.Context, MessageEvent) { return h.Renewed }),
		LeaseLost:        about(func(h *Hooks) func(context.Context, MessageEvent) { return h.LeaseLost }),
		DeadLettered:     about(func(h *Hooks) func(context.Context, MessageEvent) { return h.DeadLettered }),
		DeadLetterFailed: about(func(h *Hooks) func(context.Context, MessageEvent) { return h.DeadLetterFailed }),
		Unreadable:       about(func(h *Hooks) func(context.Context, MessageEvent) { return h.Unreadable }),
		Rebalanced:       hooks.Join1(list, func(h *Hooks) func(RebalanceEvent) { return h.Rebalanced }),

		Connected:          hooks.Join1(list, func(h *Hooks) func(string) { return h.Connected }),
		Disconnected:       hooks.Join2(list, func(h *Hooks) func(string, error) { return h.Disconnected }),
		RouteChanged:       hooks.Join3(list, func(h *Hooks) func(string, *routing.Route, *routing.Route) { return h.RouteChanged }),
		RouteRefreshFailed: hooks.Join2(list, func(h *Hooks) func(string, error) { return h.RouteRefreshFailed }),
	}
}
