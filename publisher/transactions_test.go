package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A half message that was stored twice, since the answer to the first was lost: a
// check of the first was answered by a rollback while BeginTransaction tried again.
// The transaction that is then open has not ended by that.
func TestRollbackOfTheFirstHalfDoesNotEndTheSecond(t *testing.T) {
	var s transactions
	s.confirm("id")
	tx := &Transaction{info: TransactionInfo{MessageID: "id"}}
	s.add(tx)
	_, err := s.take(tx)
	require.NoError(t, err)
	s.remove(tx, TransactionUnknown) // its commit is lost
	require.Equal(t, standingUnknown, s.see("id", halfPlace{}), "Config.Transaction.Check has to be asked")
}
