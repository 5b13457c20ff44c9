package growth

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The points that a target compares take turns, and each becomes its median round.
func TestComparedPointsHaveRounds(t *testing.T) {
	points := []Point{
		{Axis: Topics, N: 1, Rate: 30, P50: 3},
		{Axis: Topics, N: 4, Rate: 8, P50: 8},
		{Axis: Topics, N: 1000, Rate: 2, P50: 7},
		{Axis: Queues, N: 1, Rate: 9, P50: 9},
	}
	var turns []int
	next := map[int][]Point{
		1:    {{Axis: Topics, N: 1, Rate: 10, P50: 1}, {Axis: Topics, N: 1, Rate: 20, P50: 2}},
		1000: {{Axis: Topics, N: 1000, Rate: 3, P50: 8}, {Axis: Topics, N: 1000, Rate: 1, P50: 6}},
	}
	require.NoError(t, repeat(points, 3, func(topics int) (Point, error) {
		turns = append(turns, topics)
		p := next[topics][0]
		next[topics] = next[topics][1:]
		return p, nil
	}))
	require.Equal(t, []int{1, 1000, 1, 1000}, turns)
	require.Equal(t, []Point{
		{Axis: Topics, N: 1, Rate: 20, P50: 2, Rates: []float64{30, 10, 20}},
		{Axis: Topics, N: 4, Rate: 8, P50: 8},
		{Axis: Topics, N: 1000, Rate: 2, P50: 7, Rates: []float64{2, 3, 1}},
		{Axis: Queues, N: 1, Rate: 9, P50: 9},
	}, points)
}

func TestRoundThatFails(t *testing.T) {
	points := []Point{{Axis: Topics, N: 1, Rate: 1}, {Axis: Topics, N: 1000, Rate: 1}}
	broken := errors.New("no broker")
	require.ErrorIs(t, repeat(points, 2, func(int) (Point, error) { return Point{}, broken }), broken)
}

func TestComparedPointsAreMeasured(t *testing.T) {
	for _, n := range compared {
		require.Contains(t, steps[Topics], n)
	}
}

// A point is measured on a cluster of its own.
func TestPointIsMeasured(t *testing.T) {
	p, err := Topics.measure(t.Context(), 4, 50*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, Topics, p.Axis)
	require.Equal(t, 4, p.N)
	require.Positive(t, p.CPU)
}
