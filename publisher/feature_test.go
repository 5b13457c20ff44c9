package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFeaturesThatExcludeEachOther(t *testing.T) {
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
		require.ErrorContains(t, err, string(c.want[0])+" and "+string(c.want[1]))
	}
}
