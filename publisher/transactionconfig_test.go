package publisher

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
)

func TestTransactionConfig(t *testing.T) {
	check := func(context.Context, CheckedMessage) TransactionState { return TransactionUnknown }
	cfg := Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}, ProducerGroup: "shop", Transaction: TransactionConfig{Check: check}}
	require.NoError(t, cfg.Validate())
	cfg.setDefaults()
	require.Equal(t, 10*time.Second, cfg.Transaction.CheckTimeout)
	require.Equal(t, 16, cfg.Transaction.Concurrency)

	for field, transaction := range map[string]TransactionConfig{
		"Transaction.CheckTimeout": {Check: check, CheckTimeout: -1},
		"Transaction.Concurrency":  {Check: check, Concurrency: -1},
		"Transaction.CheckAfter":   {Check: check, CheckAfter: -1},
		"Transaction.Topics":       {Check: check, Topics: []string{""}},
	} {
		cfg.Transaction = transaction
		require.ErrorContains(t, cfg.Validate(), field)
	}
	for _, transaction := range []TransactionConfig{
		{CheckTimeout: 1},
		{Concurrency: 1},
		{CheckAfter: 1},
		{Topics: []string{"a"}},
	} {
		cfg.Transaction = transaction
		require.ErrorContains(t, cfg.Validate(), "Transaction.Check is nil")
	}
}
