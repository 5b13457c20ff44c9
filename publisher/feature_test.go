package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
)

func TestFeaturesThatExcludeEachOther(t *testing.T) {
	const hint = `: let Config.OrderingKey return "" for it`
	for _, c := range []struct {
		has  features
		want []rocketmq.Feature
	}{
		{features{}, nil},
		{features{delay: true, oneway: true}, nil},
		{features{transaction: true}, nil},
		{features{transaction: true, delay: true}, []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureDelay}},
		{features{transaction: true, key: true}, []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureOrderingKey}},
		{features{transaction: true, oneway: true}, []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureOneway}},
		{features{key: true, delay: true}, nil},
		{features{key: true, oneway: true}, []rocketmq.Feature{rocketmq.FeatureOrderingKey, rocketmq.FeatureOneway}},
	} {
		err := c.has.check()
		if c.want == nil {
			require.NoError(t, err)
			continue
		}
		var refused *CombinationError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, c.want, refused.Features)
		want := "the publisher refuses a message with " + string(c.want[0]) + " and " + string(c.want[1]) + ", which RocketMQ cannot combine"
		if c.has.key && !c.has.oneway {
			want += hint
		}
		require.EqualError(t, err, want)
	}
}
