package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/latest"
)

// What a check was told of one half message is no end of the transaction that began
// with another one.
func TestTransactionsRememberWhatHasEnded(t *testing.T) {
	s := transactions{ended: latest.IDs{Most: 10}}
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
