package hooks_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/hooks"
)

type listener struct {
	one   func(string)
	two   func(string, int)
	three func(string, int, bool)
	start func(context.Context, string) context.Context
	begin func(context.Context, string, int) context.Context
}

type key struct{}

// Funcs are called in their order, nils are left out, and contexts go from one to the next.
func TestJoin(t *testing.T) {
	var calls []string
	say := func(args ...any) { calls = append(calls, fmt.Sprint(args...)) }
	listenerOf := func(name string) listener {
		with := func(ctx context.Context) context.Context {
			before, _ := ctx.Value(key{}).(string)
			return context.WithValue(ctx, key{}, before+name)
		}
		return listener{
			one:   func(a string) { say(name, a) },
			two:   func(a string, b int) { say(name, a, b) },
			three: func(a string, b int, c bool) { say(name, a, b, c) },
			start: func(ctx context.Context, a string) context.Context { say(name, a); return with(ctx) },
			begin: func(ctx context.Context, a string, b int) context.Context { say(name, a, b); return with(ctx) },
		}
	}
	join := func(list ...listener) listener {
		return listener{
			one:   hooks.Join1(list, func(l *listener) func(string) { return l.one }),
			two:   hooks.Join2(list, func(l *listener) func(string, int) { return l.two }),
			three: hooks.Join3(list, func(l *listener) func(string, int, bool) { return l.three }),
			start: hooks.Chain1(list, func(l *listener) func(context.Context, string) context.Context { return l.start }),
			begin: hooks.Chain2(list, func(l *listener) func(context.Context, string, int) context.Context { return l.begin }),
		}
	}
	for _, none := range []listener{join(), join(listener{}), join(listener{}, listener{})} {
		require.Nil(t, none.one)
		require.Nil(t, none.two)
		require.Nil(t, none.three)
		require.Nil(t, none.start)
		require.Nil(t, none.begin)
	}
	for _, tt := range []struct {
		list  []listener
		names []string
	}{
		{[]listener{listenerOf("A")}, []string{"A"}},
		{[]listener{{}, listenerOf("A"), {}, listenerOf("B"), listenerOf("C"), {}}, []string{"A", "B", "C"}},
	} {
		l := join(tt.list...)
		all := ""
		for _, name := range tt.names {
			all += name
		}
		said := func(format string) {
			t.Helper()
			var want []string
			for _, name := range tt.names {
				want = append(want, fmt.Sprintf(format, name))
			}
			require.Equal(t, want, calls)
			calls = nil
		}
		l.one("x")
		said("%sx")
		l.two("x", 1)
		said("%sx1")
		l.three("x", 1, true)
		said("%sx1 true")
		require.Equal(t, all, l.start(t.Context(), "x").Value(key{}))
		said("%sx")
		require.Equal(t, all, l.begin(t.Context(), "x", 1).Value(key{}))
		said("%sx1")
	}
}
