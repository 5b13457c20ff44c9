package load

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBucketsFollowEachOther(t *testing.T) {
	for i := range buckets - 1 {
		low, high := bounds(i)
		require.Less(t, low, high)
		next, _ := bounds(i + 1)
		require.Equal(t, high, next, "bucket %d", i)
		require.Equal(t, i, bucketOf(int64(low)))
		require.Equal(t, i, bucketOf(int64(high)-1))
	}
	require.Equal(t, 0, bucketOf(-5))
	require.Equal(t, buckets-1, bucketOf(1<<62))
}

func TestQuantilesAreThoseOfTheSortedList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	h := NewHistogram()
	var all []time.Duration
	for range 100_000 {
		d := time.Duration(random.ExpFloat64() * float64(300*time.Microsecond))
		h.Record(d)
		all = append(all, d)
	}
	slices.Sort(all)
	require.EqualValues(t, len(all), h.Count())
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		want := all[int(q*float64(len(all)))-1]
		require.InEpsilon(t, float64(want), float64(h.Quantile(q)), 0.005, "quantile %v", q)
	}
}

func TestQuantileOfFew(t *testing.T) {
	var none Histogram
	require.Zero(t, none.Quantile(0.5))
	one := NewHistogram()
	one.Record(time.Millisecond)
	for _, q := range []float64{0, 0.5, 1} {
		require.InEpsilon(t, float64(time.Millisecond), float64(one.Quantile(q)), 0.005)
	}
}

func TestHistogramTravelsAsJSON(t *testing.T) {
	h := NewHistogram()
	for _, d := range []time.Duration{0, 1, time.Microsecond, time.Microsecond, time.Hour} {
		h.Record(d)
	}
	data, err := json.Marshal(h)
	require.NoError(t, err)
	var back Histogram
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, h.counts, back.counts)
	require.Error(t, json.Unmarshal([]byte(`[[-1,1]]`), &back))
	require.Error(t, json.Unmarshal([]byte(`{}`), &back))
}
