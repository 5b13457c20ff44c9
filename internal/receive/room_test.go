package receive

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Bodies that are looked into share the room for them. One that does not fit beside
// the others comes in alone, and those behind it wait.
func TestRoom(t *testing.T) {
	z, err := body.NewCompressor(body.Zlib, 0)
	require.NoError(t, err)
	packed := func(size int) []byte {
		made, err := z.Compress(nil, make([]byte, size))
		require.NoError(t, err)
		return made
	}
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(10_000)
		unpack := func(ctx context.Context, packed []byte, sysFlag int32) (Message, int, error) {
			m := Message{Stored: body.StoredMessage{Body: packed, SysFlag: sysFlag}}
			taken, err := r.Unpack(ctx, &m)
			return m, taken, err
		}
		enter := func(size int) int {
			m, taken, err := unpack(t.Context(), packed(size), z.SysFlag())
			require.NoError(t, err)
			require.NoError(t, m.BodyErr)
			require.Len(t, m.Body, size)
			return taken
		}
		first, second := enter(4000), enter(4000)
		var third, fourth int
		go func() { third = enter(9000) }()
		synctest.Wait()
		go func() { fourth = enter(100) }()
		synctest.Wait()
		r.Leave(first)
		synctest.Wait()
		require.Zero(t, third+fourth)
		r.Leave(second)
		synctest.Wait()
		require.Equal(t, 9000, third)
		require.Equal(t, 100, fourth)
		r.Leave(third)
		r.Leave(fourth)
		require.Zero(t, r.used)

		m, taken, err := unpack(t.Context(), packed(10_001), z.SysFlag())
		require.NoError(t, err)
		require.ErrorIs(t, m.BodyErr, body.ErrInflatedTooLarge, "alone, and yet too large")
		require.Zero(t, taken)
		var failure *marshaler.BodyError
		require.ErrorAs(t, m.BodyErr, &failure)
		require.Equal(t, 10_000, failure.Limit)
		m, _, err = unpack(t.Context(), []byte("no zlib"), z.SysFlag())
		require.NoError(t, err)
		require.ErrorIs(t, m.BodyErr, headers.ErrMalformed)
		require.Nil(t, m.Body)
		m, taken, err = unpack(t.Context(), make([]byte, 20_000), 0)
		require.NoError(t, err)
		require.Len(t, m.Body, 20_000)
		require.Zero(t, taken, "it is part of what was received")

		held := enter(6000)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, _, err := unpack(ctx, packed(6000), z.SysFlag())
			done <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		r.Leave(held)
		require.Zero(t, r.used)
		r.Leave(enter(10_000))
	})
}
