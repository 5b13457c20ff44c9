package contest

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
)

// Candidate is one of those that are compared. What it does with a case follows
// from the case: with 32 messages per call it takes its batch call.
type Candidate struct {
	ID string
	// Name stands in tables and charts.
	Name string
	// Go is the candidate's kind if it is written in Go, Java else.
	Go   peers.Kind
	Java string
	// Depth is the number of calls that are outstanding, for those that do not go
	// by the number of callers.
	Depth int
	// Senders is the number of threads that keep them outstanding.
	Senders int
	// Limit marks what is no client, but the most that a connection can carry.
	Limit bool
	// Other marks a candidate that runs in Settings.OtherBuild.
	Other bool
}

// The ids of the candidates.
const (
	Ours               = "ours"
	OursOther          = "ours-other"
	OursAsync          = "ours-async"
	OursAsyncOther     = "ours-async-other"
	ClientGo           = "client-go"
	ClientGoAsync      = "client-go-async"
	Adapter            = "adapter"
	JavaSync           = "java-sync"
	JavaAsync          = "java-async"
	JavaBatch          = "java-batch"
	JavaAutoBatchSync  = "java-autobatch-sync"
	JavaAutoBatchAsync = "java-autobatch-async"
	Raw1               = "raw-1"
	Raw16              = "raw-16"
	Raw64              = "raw-64"
	Raw512             = "raw-512"
)

// Candidates are all of them, in the order of tables.
var Candidates = []Candidate{
	{ID: Ours, Name: "this publisher", Go: peers.Ours},
	{ID: OursOther, Name: "this publisher, other build", Go: peers.Ours, Other: true},
	{ID: OursAsync, Name: "this publisher, PublishAsync", Go: peers.OursAsync, Depth: 512},
	{ID: OursAsyncOther, Name: "PublishAsync, other build", Go: peers.OursAsync, Depth: 512, Other: true},
	{ID: ClientGo, Name: "rocketmq-client-go", Go: peers.ClientGo},
	{ID: ClientGoAsync, Name: "rocketmq-client-go, SendAsync", Go: peers.ClientGoAsync, Depth: 512},
	{ID: Adapter, Name: "plain Watermill adapter", Go: peers.Adapter},
	{ID: JavaSync, Name: "Java, sync", Java: "sync"},
	{ID: JavaAsync, Name: "Java, async, 512 in flight", Java: "async", Depth: 512, Senders: 2},
	{ID: JavaBatch, Name: "Java, batch", Java: "batch"},
	{ID: JavaAutoBatchSync, Name: "Java, autoBatch, sync", Java: "autobatch-sync"},
	{ID: JavaAutoBatchAsync, Name: "Java, autoBatch, async, 512 in flight", Java: "autobatch-async", Depth: 512, Senders: 2},
	{ID: Raw1, Name: "raw, 1 outstanding", Go: peers.Raw, Depth: 1, Limit: true},
	{ID: Raw16, Name: "raw, 16 outstanding", Go: peers.Raw, Depth: 16, Limit: true},
	{ID: Raw64, Name: "raw, 64 outstanding", Go: peers.Raw, Depth: 64, Limit: true},
	{ID: Raw512, Name: "raw, 512 outstanding", Go: peers.Raw, Depth: 512, Limit: true},
}

// others are the candidates that compare two builds of this publisher.
var others = map[string]string{Ours: OursOther, OursAsync: OursAsyncOther}

// IsOurs reports whether it is this publisher, of this build.
func (c *Candidate) IsOurs() bool { return others[c.ID] != "" }

// trial is how long the trial run is.
func (c *Candidate) trial() time.Duration {
	if c.Java != "" {
		return trialJava
	}
	return trialGo
}

// CandidateByID returns the candidate with that id.
func CandidateByID(id string) (Candidate, bool) {
	for _, c := range Candidates {
		if c.ID == id {
			return c, true
		}
	}
	return Candidate{}, false
}
