package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
)

// aged returns an outbox with n rows in whose order of ids every other one is two
// hours old.
func aged(t *testing.T, n int) (*database, *outbox.Outbox) {
	t.Helper()
	data, db := open(t)
	box, err := outbox.New(db, outbox.Config{Dialect: outbox.SQLite})
	require.NoError(t, err)
	now := time.Now()
	for i := range n {
		created := now
		if i%2 == 0 {
			created = now.Add(-2 * time.Hour)
		}
		data.rows[fmt.Sprintf("%08d", i)] = row{1, created.UnixMilli()}
	}
	return data, box
}

// Clean names the rows that it deletes, and not more than 512 at a time, so that no
// database locks others, or many.
func TestCleanInPortions(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 5000} {
		data, box := aged(t, n)
		deletes := 0
		data.failing(func(statement string) error {
			if strings.HasPrefix(statement, "DELETE") {
				deletes++
				require.LessOrEqual(t, strings.Count(statement, "?"), 512)
			}
			return nil
		})
		cleaned, err := box.Clean(t.Context(), time.Hour)
		require.NoError(t, err)
		require.Equal(t, int64(n+1)/2, cleaned)
		require.Equal(t, (n+511)/512, deletes)
		for id, r := range data.rows {
			require.Greater(t, r.created, time.Now().Add(-time.Hour).UnixMilli(), id)
		}
		require.Len(t, data.rows, n/2)
	}
}

// Where Clean ends early, it says how many rows it has deleted.
func TestCleanEndsEarly(t *testing.T) {
	t.Run("context", func(t *testing.T) {
		data, box := aged(t, 5000)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		data.failing(func(statement string) error {
			if strings.HasPrefix(statement, "DELETE") {
				cancel()
			}
			return nil
		})
		cleaned, err := box.Clean(ctx, time.Hour)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, int64(256), cleaned)
		require.Len(t, data.rows, 5000-256)
	})
	t.Run("error", func(t *testing.T) {
		data, box := aged(t, 5000)
		deletes := 0
		data.failing(func(statement string) error {
			if strings.HasPrefix(statement, "DELETE") {
				if deletes++; deletes == 3 {
					return errBusy
				}
			}
			return nil
		})
		cleaned, err := box.Clean(t.Context(), time.Hour)
		require.ErrorIs(t, err, errBusy)
		require.Equal(t, int64(512), cleaned)
	})
}

// Clean leaves a database with one writer to the others for as long as it has
// written.
func TestCleanPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data, box := aged(t, 2000)
		began := time.Now()
		data.failing(func(statement string) error {
			if strings.HasPrefix(statement, "DELETE") {
				time.Sleep(time.Second)
			}
			return nil
		})
		_, err := box.Clean(t.Context(), time.Hour)
		require.NoError(t, err)
		require.Equal(t, 8*time.Second, time.Since(began), "four portions")
	})
}

// PostgreSQL's CREATE TABLE IF NOT EXISTS fails where two run at once. The second
// try finds the table.
func TestCreateTableAtTheSameTime(t *testing.T) {
	raced := errors.New(`duplicate key value violates unique constraint "pg_type_typname_nsp_index"`)
	for dialect, tries := range map[outbox.Dialect]int{outbox.PostgreSQL: 2, outbox.SQLite: 1, outbox.MySQL: 1} {
		data, db := open(t)
		box, err := outbox.New(db, outbox.Config{Dialect: dialect})
		require.NoError(t, err)
		tried := 0
		data.failing(func(string) error {
			if tried++; tried == 1 {
				return raced
			}
			return nil
		})
		err = box.CreateTable(t.Context())
		require.Equal(t, tries, tried)
		if dialect == outbox.PostgreSQL {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, raced)
		}
	}
}
