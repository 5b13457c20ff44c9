package intercept_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/intercept"
)

func TestList(t *testing.T) {
	var l intercept.List[func() int]
	require.Nil(t, l.All())
	removeOne := l.Add(func() int { return 1 })
	removeTwo := l.Add(func() int { return 2 })
	l.Add(func() int { return 3 })
	var got []int
	for _, f := range l.All() {
		got = append(got, f())
	}
	require.Equal(t, []int{1, 2, 3}, got)
	removeTwo()
	removeTwo()
	require.Len(t, l.All(), 2)
	removeOne()
	require.Equal(t, 3, l.All()[0]())
}
