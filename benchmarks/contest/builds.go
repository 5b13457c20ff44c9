package contest

// BuildRatio compares this build of the publisher with the other one, in one case.
type BuildRatio struct {
	Case      string
	Load      Load
	Candidate string // of this build
	// The ratios of medians, this build by the other, with the spread of the ratios
	// in single rounds.
	Rate, P50, P99, CPU, Allocs Stat
}

// CompareBuilds compares the builds wherever both were measured.
func CompareBuilds(rs Results) []BuildRatio {
	var ratios []BuildRatio
	for i := range rs {
		this := &rs[i]
		other := rs.Find(this.Case, this.Load, others[this.Candidate])
		if other == nil || len(this.Rounds) == 0 || len(other.Rounds) == 0 {
			continue
		}
		ratios = append(ratios, BuildRatio{
			Case: this.Case, Load: this.Load, Candidate: this.Candidate,
			Rate: Ratio(this, other, Rate), P50: Ratio(this, other, P50), P99: Ratio(this, other, P99),
			CPU: Ratio(this, other, CPU), Allocs: Ratio(this, other, Allocs),
		})
	}
	return ratios
}
