package publisher

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/hooks"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// joinHooks returns the hooks of all in one.
func joinHooks(list []Hooks) Hooks {
	return Hooks{
		PublishStart: hooks.Chain1(list, func(h *Hooks) func(context.Context, *PublishEvent) context.Context { return h.PublishStart }),
		PublishEnd:   hooks.Join2(list, func(h *Hooks) func(context.Context, Result) { return h.PublishEnd }),

		AttemptStart: hooks.Chain1(list, func(h *Hooks) func(context.Context, AttemptEvent) context.Context { return h.AttemptStart }),
		AttemptEnd:   hooks.Join2(list, func(h *Hooks) func(context.Context, AttemptEvent) { return h.AttemptEnd }),
		Retry:        hooks.Join2(list, func(h *Hooks) func(context.Context, RetryEvent) { return h.Retry }),

		Connected:          hooks.Join1(list, func(h *Hooks) func(string) { return h.Connected }),
		Disconnected:       hooks.Join2(list, func(h *Hooks) func(string, error) { return h.Disconnected }),
		RouteChanged:       hooks.Join3(list, func(h *Hooks) func(string, *routing.Route, *routing.Route) { return h.RouteChanged }),
		RouteRefreshFailed: hooks.Join2(list, func(h *Hooks) func(string, error) { return h.RouteRefreshFailed }),
		TracesDropped:      hooks.Join2(list, func(h *Hooks) func(int, error) { return h.TracesDropped }),
	}
}

// aboutMessages reports whether any hook wants to know of messages.
func (h *Hooks) aboutMessages() bool {
	return h.PublishStart != nil || h.PublishEnd != nil || h.aboutAttempts()
}

func (h *Hooks) aboutAttempts() bool {
	return h.AttemptStart != nil || h.AttemptEnd != nil || h.Retry != nil
}
