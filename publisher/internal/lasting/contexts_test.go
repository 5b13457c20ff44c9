package lasting_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/lasting"
)

// Contexts keep values and deadlines, and are cancelled only by End.
func TestContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		plain, cancelPlain := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		limited, cancelLimited := context.WithTimeout(t.Context(), time.Minute)
		given := []context.Context{plain, plain, limited, context.Background(), plain}
		c := lasting.Of(len(given), func(i int) context.Context { return given[i] })
		cancelPlain()
		cancelLimited()
		for i := range given {
			require.NoError(t, c.At(i).Err())
		}
		require.Equal(t, "value", c.At(1).Value(key{}))
		require.Nil(t, c.At(4).Done())
		time.Sleep(time.Minute)
		synctest.Wait()
		require.ErrorIs(t, c.At(2).Err(), context.DeadlineExceeded)
		c.End()

		limited, cancelLimited = context.WithTimeout(t.Context(), time.Minute)
		defer cancelLimited()
		c = lasting.Of(1, func(int) context.Context { return limited })
		require.NoError(t, c.At(0).Err())
		c.End()
		require.ErrorIs(t, c.At(0).Err(), context.Canceled)
		require.Nil(t, new(lasting.Contexts).At(0))

		c = lasting.Of(2, func(int) context.Context { return context.Background() })
		require.Nil(t, c.At(0), "that of the message does")
		given = []context.Context{context.Background(), plain}
		c = lasting.Of(2, func(i int) context.Context { return given[i] })
		require.Equal(t, given[0], c.At(0))
		require.NoError(t, c.At(1).Err())
	})
}
