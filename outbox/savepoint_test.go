package outbox_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

func exec(t *testing.T, tx *outbox.Tx, statement string) {
	t.Helper()
	_, err := tx.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// A rollback to a savepoint takes back the messages since.
func TestSavepoint(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "before"))
		exec(t, tx, "SAVEPOINT step")
		require.NoError(t, publish(tx, "undone"))
		exec(t, tx, "ROLLBACK TO SAVEPOINT step")
		require.NoError(t, publish(tx, "after"))
		require.NoError(t, tx.Commit())
		require.ElementsMatch(t, []string{"before", "after"}, s.published())
		require.Zero(t, s.cluster.Broker(0).CheckTransactions(), "all are ended")
		require.Len(t, s.afterChecks(), 2)
		require.Len(t, s.data.states(), 2)
	})
}

// A check that comes after the rollback to the savepoint leaves a tombstone in the
// place of the row, which is no row of the transaction.
func TestSavepointAndCheck(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		exec(t, tx, "SAVEPOINT step")
		require.NoError(t, publish(tx, "undone"))
		exec(t, tx, "ROLLBACK TO SAVEPOINT step")
		id := messagesIn(s.cluster, "RMQ_SYS_TRANS_HALF_TOPIC")[0].UniqueKey
		asked := publisher.CheckedMessage{TransactionInfo: publisher.TransactionInfo{MessageID: id}}
		require.Equal(t, publisher.TransactionRollback, s.box.Check(t.Context(), asked))
		require.NoError(t, tx.Commit())
		require.Empty(t, s.afterChecks())
		require.Equal(t, map[string]bool{id: false}, s.data.states())
	})
}

// Commit looks for its rows once for each 512 of them, and for none if there are
// none.
func TestLookForRows(t *testing.T) {
	for n, want := range map[int][]int{0: nil, 1: {1}, 2: {2}, 3: {4}, 512: {512}, 600: {512, 128}} {
		inShop(t, func(t *testing.T, s *shop) {
			tx := s.begin()
			publishMany(t, tx, n)
			var parameters []int
			s.data.failing(func(statement string) error {
				if strings.HasPrefix(statement, "SELECT") {
					parameters = append(parameters, strings.Count(statement, "?"))
				}
				return nil
			})
			require.NoError(t, tx.Commit())
			require.Equal(t, want, parameters)
			require.Len(t, s.published(), n)
		})
	}
}

// A database that cannot say which rows there are does not commit.
func TestLookForRowsFails(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "1", "2"))
		s.data.failing(func(statement string) error {
			if strings.HasPrefix(statement, "SELECT") {
				return errGone
			}
			return nil
		})
		require.ErrorIs(t, tx.Commit(), errGone)
		s.data.failing(nil)
		require.Zero(t, s.db.Stats().InUse)
		require.Empty(t, s.afterChecks())
		require.Empty(t, s.data.states(), "no check was needed")
	})
}
