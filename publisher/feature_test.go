package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFeaturesThatExcludeEachOther(t *testing.T) {
	const hint = `: let Config.OrderingKey return "" for it`
	for _, c := range []struct {
		has  features
		want []Feature
	}{
		{features{}, nil},
		{features{delay: true, oneway: true}, nil},
		{features{transaction: true}, nil},
		{features{transaction: true, delay: true}, []Feature{FeatureTransaction, FeatureDelay}},
		{features{transaction: true, key: true}, []Feature{FeatureTransaction, FeatureOrderingKey}},
		{features{transaction: true, oneway: true}, []Feature{FeatureTransaction, FeatureOneway}},
		{features{key: true, delay: true}, []Feature{FeatureOrderingKey, FeatureDelay}},
		{features{key: true, oneway: true}, []Feature{FeatureOrderingKey, FeatureOneway}},
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
