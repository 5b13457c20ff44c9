package publisher

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a check was told of one half message is no end of the transaction that began
// with another one.
func TestTransactionsRememberWhatHasEnded(t *testing.T) {
	var s transactions
	ended := func(id string, as TransactionState) bool {
		s.begin(id)
		tx := &Transaction{info: TransactionInfo{MessageID: id}}
		s.add(tx)
		require.False(t, s.hasEnded(id))
		_, err := s.take(tx)
		require.NoError(t, err)
		s.remove(tx, as)
		_, open := s.find(id)
		require.False(t, open)
		return s.hasEnded(id)
	}
	require.True(t, ended("committed", TransactionCommit))
	require.True(t, ended("rolled back by its owner", TransactionRollback))
	require.False(t, ended("left to the check", TransactionUnknown))
	s.commit("left to the check")
	require.True(t, s.hasEnded("left to the check"))

	s.begin("never begun")
	tx, open := s.find("never begun")
	require.True(t, open)
	require.Nil(t, tx)
	s.abandon("never begun")
	_, open = s.find("never begun")
	require.False(t, open)
	require.False(t, s.hasEnded("never begun"))
}

// The memory for transactions that have ended is bounded, and the oldest goes first.
func TestTransactionsForgetTheOldest(t *testing.T) {
	var s transactions
	for i := range keptEnded + 10 {
		s.commit(strconv.Itoa(i))
		s.commit(strconv.Itoa(i)) // once is enough
	}
	require.Len(t, s.ended, keptEnded)
	require.Len(t, s.order, keptEnded)
	require.False(t, s.hasEnded("9"))
	require.True(t, s.hasEnded("10"))
	require.True(t, s.hasEnded(strconv.Itoa(keptEnded+9)))
}
