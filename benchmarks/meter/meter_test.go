package meter

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func message(n int64) []byte {
	body := make([]byte, 20)
	Stamp(body, n)
	return body
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestMeterCountsEachMessageOnce(t *testing.T) {
	m := New(Task{First: 1000, Messages: 100, BrokerPID: os.Getpid()})
	for n := range int64(100) {
		first := m.Take(message(1000 + n))
		require.True(t, first)
		again := m.Take(message(1000 + n))
		require.False(t, again)
		m.Acked(again)
		require.False(t, ended(m.Done()), n)
		m.Acked(first)
	}
	require.True(t, ended(m.Done()))
	s, err := m.Sample()
	require.NoError(t, err)
	require.EqualValues(t, 100, s.Seen)
	require.EqualValues(t, 100, s.Duplicates)
	require.EqualValues(t, 80, s.Measured)
	require.Positive(t, s.Length)
	require.Greater(t, s.Total, s.Length)
	require.Positive(t, s.Mallocs)
	require.GreaterOrEqual(t, s.BrokerCPU, time.Duration(0)) // known
	require.Empty(t, s.Arrivals)
}

// What was given to the function and not acknowledged is missing.
func TestMissingAcknowledgements(t *testing.T) {
	m := New(Task{Messages: 100})
	for n := range int64(100) {
		first := m.Take(message(n))
		m.Acked(first && n != 50)
	}
	_, err := m.Sample()
	require.ErrorContains(t, err, "99 of 100 messages were acknowledged and 100 seen")
}

func TestForeignMessagesAreAnError(t *testing.T) {
	for _, body := range [][]byte{message(7), message(-1), []byte("short"), nil} {
		m := New(Task{First: 8, Messages: 10})
		m.Acked(m.Take(body))
		for n := range int64(10) {
			m.Acked(m.Take(message(8 + n)))
		}
		_, err := m.Sample()
		require.ErrorContains(t, err, "not in the topic")
	}
}

func TestArrivals(t *testing.T) {
	m := New(Task{First: 10, Messages: 10, Arrivals: true})
	m.Acked(m.Take(message(3))) // of an earlier task
	require.False(t, ended(m.Ready()))
	for range 2 {
		m.Acked(m.Take(message(Probe)))
		require.True(t, ended(m.Ready()))
	}
	for n := range int64(10) {
		m.Acked(m.Take(message(19 - n)))
	}
	s, err := m.Sample()
	require.NoError(t, err)
	require.Len(t, s.Arrivals, 10)
	require.EqualValues(t, -1, s.BrokerCPU)
	for i := range 9 {
		require.Positive(t, s.Arrivals[i])
		require.GreaterOrEqual(t, s.Arrivals[i], s.Arrivals[i+1])
	}
}

func TestFetchedMessagesCountWithoutBodies(t *testing.T) {
	m := New(Task{Messages: 100})
	for range 4 {
		m.Fetched(0)
		m.Fetched(32)
	}
	require.True(t, ended(m.Done()))
	s, err := m.Sample()
	require.NoError(t, err)
	require.EqualValues(t, 128, s.Seen)
	require.EqualValues(t, 64, s.Measured) // from 32 to 96
	require.InDelta(t, 3, s.PerMessage(192), 1e-9)
	require.InDelta(t, -1, s.PerMessage(-1), 1e-9)
}

func TestTooFewMessages(t *testing.T) {
	m := New(Task{Messages: 2})
	m.Fetched(2)
	_, err := m.Sample()
	require.ErrorContains(t, err, "too few")
}
