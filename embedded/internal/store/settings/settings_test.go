package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// What RocketMQ writes is read, and what is not ours of it is there after it was written
// again.
func TestFilesOfRocketMQ(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "config"), 0o755))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config", name), []byte(text), 0o644))
	}
	write("topics.json", `{
	"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1764460800000},
	"topicConfigTable":{"alpha":{"attributes":{"message.type":"FIFO"},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"alpha","topicSysFlag":0,"writeQueueNums":3}}}`)
	write("consumerOffset.json", `{"dataVersion":{"counter":7},"offsetTable":{"alpha@g1":{0:3,1:5},"%RETRY%g1@g1":{0:1},"nonsense":{0:1}},"pullOffsetTable":{"alpha@g2":{0:9}}}`)
	write("subscriptionGroup.json", `{"forbiddenTable":{"g1":{"alpha":3}},"subscriptionGroupTable":{"g1":{"groupName":"g1","retryMaxTimes":3,"retryQueueNums":2,"consumeEnable":true}}}`)
	write("delayOffset.json", `{"offsetTable":{1:57,3:2}}`)

	topics, err := ReadTopics(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]Topic{"alpha": {Name: "alpha", ReadQueues: 4, WriteQueues: 3, Perm: 6, FilterType: "SINGLE_TAG", Attributes: map[string]string{"message.type": "FIFO"}}}, topics.Table)
	o, err := ReadOffsets(dir)
	require.NoError(t, err)
	require.Equal(t, map[offsets.Queue]int64{
		{Group: "g1", Topic: "alpha"}: 3, {Group: "g1", Topic: "alpha", ID: 1}: 5, {Group: "g1", Topic: "%RETRY%g1"}: 1,
	}, o.Table)
	groups, err := ReadGroups(dir)
	require.NoError(t, err)
	require.EqualValues(t, 3, groups.Table["g1"].RetryMaxTimes)
	require.EqualValues(t, 2, groups.Table["g1"].RetryQueues)
	d, err := ReadDelays(dir)
	require.NoError(t, err)
	require.Equal(t, map[int]int64{1: 57, 3: 2}, d.Table)

	topics.Table["beta"] = Topic{ReadQueues: 1, WriteQueues: 1, Perm: 6}
	o.Table[offsets.Queue{Group: "g1", Topic: "beta"}] = 8
	groups.Table["g2"] = headers.NewSubscriptionGroupConfig("g2")
	d.Table[2] = 4
	for _, f := range []interface{ Write() error }{topics, o, groups, d} {
		require.NoError(t, f.Write())
	}
	again, err := ReadTopics(dir)
	require.NoError(t, err)
	require.Equal(t, Topic{Name: "beta", ReadQueues: 1, WriteQueues: 1, Perm: 6, FilterType: "SINGLE_TAG"}, again.Table["beta"])
	require.Equal(t, topics.Table["alpha"], again.Table["alpha"])
	require.Contains(t, again.file.rest, "dataVersion")
	oAgain, err := ReadOffsets(dir)
	require.NoError(t, err)
	require.Equal(t, o.Table, oAgain.Table)
	require.Contains(t, oAgain.file.rest, "pullOffsetTable")
	gAgain, err := ReadGroups(dir)
	require.NoError(t, err)
	require.Equal(t, groups.Table, gAgain.Table)
	require.Contains(t, gAgain.file.rest, "forbiddenTable")
	dAgain, err := ReadDelays(dir)
	require.NoError(t, err)
	require.Equal(t, d.Table, dAgain.Table)
}

func TestMissingAndBroken(t *testing.T) {
	dir := t.TempDir()
	topics, err := ReadTopics(dir)
	require.NoError(t, err)
	require.Empty(t, topics.Table)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "config"), 0o755))
	for name, read := range map[string]func() error{
		"topics.json":            func() error { _, err := ReadTopics(dir); return err },
		"consumerOffset.json":    func() error { _, err := ReadOffsets(dir); return err },
		"subscriptionGroup.json": func() error { _, err := ReadGroups(dir); return err },
		"delayOffset.json":       func() error { _, err := ReadDelays(dir); return err },
	} {
		for _, text := range []string{"{", "[]", `{"topicConfigTable":1,"offsetTable":1,"subscriptionGroupTable":1}`} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "config", name), []byte(text), 0o644))
			require.ErrorContains(t, read(), name)
		}
	}
}
