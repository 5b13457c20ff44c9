// Package hooks joins the funcs of several listeners into one. What is nil is left out. Of
// nothing but nils the result is nil, and of one func it is the func itself, so that who
// calls it looks for nil and does nothing more.
package hooks

import "context"

// Join1 returns a func that calls the funcs that pick picks, in the order of the list.
func Join1[L, A any](list []L, pick func(*L) func(A)) func(A) {
	var joined func(A)
	for i := range list {
		before, next := joined, pick(&list[i])
		switch {
		case next == nil:
		case before == nil:
			joined = next
		default:
			joined = func(a A) { before(a); next(a) }
		}
	}
	return joined
}

// Join2 is Join1 for funcs of two arguments.
func Join2[L, A, B any](list []L, pick func(*L) func(A, B)) func(A, B) {
	var joined func(A, B)
	for i := range list {
		before, next := joined, pick(&list[i])
		switch {
		case next == nil:
		case before == nil:
			joined = next
		default:
			joined = func(a A, b B) { before(a, b); next(a, b) }
		}
	}
	return joined
}

// Join3 is Join1 for funcs of three arguments.
func Join3[L, A, B, C any](list []L, pick func(*L) func(A, B, C)) func(A, B, C) {
	var joined func(A, B, C)
	for i := range list {
		before, next := joined, pick(&list[i])
		switch {
		case next == nil:
		case before == nil:
			joined = next
		default:
			joined = func(a A, b B, c C) { before(a, b, c); next(a, b, c) }
		}
	}
	return joined
}

// Chain1 returns a func that gives each func that pick picks the context that the one
// before it has returned.
func Chain1[L, A any](list []L, pick func(*L) func(context.Context, A) context.Context) func(context.Context, A) context.Context {
	var chained func(context.Context, A) context.Context
	for i := range list {
		before, next := chained, pick(&list[i])
		switch {
		case next == nil:
		case before == nil:
			chained = next
		default:
			chained = func(ctx context.Context, a A) context.Context { return next(before(ctx, a), a) }
		}
	}
	return chained
}

// Chain2 is Chain1 for funcs of two arguments beside the context.
func Chain2[L, A, B any](list []L, pick func(*L) func(context.Context, A, B) context.Context) func(context.Context, A, B) context.Context {
	var chained func(context.Context, A, B) context.Context
	for i := range list {
		before, next := chained, pick(&list[i])
		switch {
		case next == nil:
		case before == nil:
			chained = next
		default:
			chained = func(ctx context.Context, a A, b B) context.Context { return next(before(ctx, a, b), a, b) }
		}
	}
	return chained
}
