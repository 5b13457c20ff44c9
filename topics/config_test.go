package topics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

func TestConfig(t *testing.T) {
	require.Equal(t, topics.Config{Queues: 4, Permission: topics.ReadWrite}, topics.Config{}.WithDefaults())
	require.NoError(t, topics.Config{}.Validate())
	for field, wrong := range map[string]topics.Config{
		"Queues":      {Queues: -1},
		"MessageType": {MessageType: "fifo"},
		"Permission":  {Permission: "R"},
	} {
		require.ErrorContains(t, wrong.Validate(), "topics: config: "+field+" is ")
	}
	set := topics.Config{Enabled: true, Queues: 1, MessageType: topics.FIFO, Permission: topics.WriteOnly, Cluster: "c"}
	require.NoError(t, set.Validate())
	require.Equal(t, set, set.WithDefaults())
	require.Equal(t, "1 queues on each broker, message type FIFO, write only", set.String())
}
