package report

import "math"

// axis maps values from 0 to a round number onto a length.
type axis struct {
	max    float64
	length float64
}

func newAxis(greatest, length float64) axis { return axis{niceAbove(greatest), length} }

func (a axis) at(v float64) float64 { return a.length * min(max(v, 0), a.max) / a.max }

// niceAbove is the least of 1, 2, 2.5, 5 times a power of ten that is not below v.
func niceAbove(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 2.5, 5} {
		if f*power >= v {
			return f * power
		}
	}
	return 10 * power
}
