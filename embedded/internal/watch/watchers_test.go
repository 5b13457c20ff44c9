package watch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/watch"
)

func TestWatchers(t *testing.T) {
	var w watch.Watchers
	w.Changed() // nobody is told
	first, stopFirst := w.Watch()
	second, stopSecond := w.Watch()
	w.Changed()
	w.Changed()
	<-first
	<-second
	require.Empty(t, first, "once for both")
	stopFirst()
	w.Changed()
	require.Empty(t, first)
	require.Len(t, second, 1)
	stopSecond()
}
