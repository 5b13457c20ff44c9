package memnet

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPipeCarriesBytes(t *testing.T) {
	a, b := pipe(address("a:1"), address("b:2"))
	sent := make([]byte, 3*pipeBuffer)
	for i := range sent {
		sent[i] = byte(i * 7)
	}
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 10_007)
			_, _ = a.Write(rest[:n])
			rest = rest[n:]
		}
		_ = a.Close()
	}()
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, sent, got)
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NoError(t, b.Close())
	_, err = b.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestPipeAddresses(t *testing.T) {
	a, b := pipe(address("a:1"), address("b:2"))
	require.Equal(t, "a:1", a.LocalAddr().String())
	require.Equal(t, a.LocalAddr(), b.RemoteAddr())
	require.Equal(t, a.RemoteAddr(), b.LocalAddr())
	require.Equal(t, "tcp", a.LocalAddr().Network())
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(address("a:1"), address("b:2"))
		begin := time.Now()
		require.NoError(t, a.SetReadDeadline(begin.Add(time.Second)))
		_, err := a.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.Equal(t, time.Second, time.Since(begin))

		_, err = a.Write([]byte("writing goes on"))
		require.NoError(t, err)
		require.NoError(t, a.SetReadDeadline(time.Time{}))
		_, err = b.Write([]byte("y"))
		require.NoError(t, err)
		_, err = a.Read(make([]byte, 1))
		require.NoError(t, err)

		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := a.Write(make([]byte, 2*pipeBuffer))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, pipeBuffer-len("writing goes on"), n)

		require.NoError(t, b.SetDeadline(time.Now().Add(-time.Second)))
		_, err = b.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)

		// A deadline that is put off while a read waits counts.
		require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Second)))
		time.AfterFunc(500*time.Millisecond, func() { _ = a.SetReadDeadline(time.Now().Add(time.Hour)) })
		before := time.Now()
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Hour+500*time.Millisecond, time.Since(before))
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	})
}

// TestPipeCloseEndsWaits: both sides of a closed connection stop waiting.
func TestPipeCloseEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(address("a:1"), address("b:2"))
		errs := make(chan error, 3)
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := a.Write(make([]byte, 2*pipeBuffer)); errs <- err }()
		synctest.Wait()
		require.NoError(t, b.Close())
		synctest.Wait()
		require.Len(t, errs, 2)
		require.NoError(t, a.Close())
	})
}
