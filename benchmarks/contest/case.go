package contest

import (
	"fmt"
	"slices"
)

// Target is what a case runs against.
type Target string

// The targets.
const (
	Null Target = "null"
	Real Target = "real"
)

// Case is one load, which several candidates are put under.
type Case struct {
	Target  Target
	Callers int
	PerCall int
	// InFlight is the number of calls that the callers together keep under way
	// without waiting for any; 0 if each waits for its own.
	InFlight int
	Body     Body
	// Candidates by their ids.
	Candidates []string
	// Open says that an open loop follows, see Load.
	Open bool
	// Extra cases are not run unless asked for.
	Extra bool
}

// ID names the case: target/callers x messages per call/body, or
// target/async/in flight/body.
func (c *Case) ID() string { return fmt.Sprintf("%s/%s", c.Target, c.Shape()) }

// Shape is the ID without the target.
func (c *Case) Shape() string {
	if c.InFlight > 0 {
		return fmt.Sprintf("async/%d/%s", c.InFlight, c.Body)
	}
	return fmt.Sprintf("%dx%d/%s", c.Callers, c.PerCall, c.Body)
}

// shape is what the cases of different bodies have in common.
type shape struct {
	callers, perCall, inFlight int
	candidates                 []string
}

var shapes = []shape{
	{1, 1, 0, []string{Ours, ClientGo, Adapter, JavaSync, Raw1}},
	{64, 1, 0, []string{Ours, ClientGo, Adapter, JavaSync, JavaAutoBatchSync, Raw64}},
	{1024, 1, 0, []string{Ours, ClientGo, JavaAsync, JavaAutoBatchAsync, Raw512}},
	{1, 32, 0, []string{Ours, ClientGo, Adapter, JavaBatch, Raw1}},
	{16, 32, 0, []string{Ours, ClientGo, JavaBatch, Raw1, Raw16, Raw64, Raw512}},
	// Two callers, as many as the machine of docs/benchmarks.md has cores: who calls
	// an asynchronous send has little to do but that.
	{2, 1, 512, []string{OursAsync, ClientGoAsync, JavaAsync, JavaAutoBatchAsync, Raw512}},
}

// Cases are all cases, in the order in which they run.
func Cases() []Case {
	var cases []Case
	for _, target := range []Target{Null, Real} {
		for _, s := range shapes {
			for _, body := range bodies {
				cases = append(cases, newCase(target, s, body))
			}
		}
	}
	return cases
}

func newCase(target Target, s shape, body Body) Case {
	c := Case{
		Target: target, Callers: s.callers, PerCall: s.perCall, InFlight: s.inFlight, Body: body, Candidates: slices.Clone(s.candidates),
	}
	large := body == BodyText || body == BodyRandom
	if large || target == Null {
		c.without(Adapter)
	}
	if s.perCall > 1 && body == BodyText {
		// No batch may carry a body that is worth compressing.
		c.without(Raw1, Raw16, Raw64, Raw512)
	}
	if s.perCall > 1 && body == BodyRandom {
		c.without(Raw512) // 128 MiB on the way
	}
	c.Open = target == Real && s.callers == 64 && body == Body1K
	c.Extra = large && (target == Null || s.perCall > 1 || s.callers > 64 || s.inFlight > 0) ||
		target == Null && body == Body128 && s.callers < 64 && s.inFlight == 0
	return c
}

func (c *Case) without(ids ...string) {
	c.Candidates = slices.DeleteFunc(c.Candidates, func(id string) bool { return slices.Contains(ids, id) })
}
