package consumption

import "github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"

// Candidate is one of those that are compared.
type Candidate struct {
	ID string
	// Name stands in tables.
	Name string
	// Go is the candidate's kind if it is written in Go, Java else.
	Go   consumers.Kind
	Java string
	// Slow marks one that consumes a twentieth of the messages: it takes as long for them.
	Slow bool
	// Proof is how the broker tells that the messages were acknowledged.
	Proof Proof
	// Waits says that it takes part in the measurement of latency.
	Waits bool
	// Idles says that the cost of its idle subscriptions is measured.
	Idles bool
}

// Proof of acknowledgements.
type Proof string

// The proofs.
const (
	// ByOffsets is that the group's offsets are those of the ends of the queues.
	ByOffsets Proof = "offsets"
	// ByRetries is that nothing is in the group's retry topic when the messages' leases
	// have ended: the broker copies there what was not acknowledged.
	ByRetries Proof = "retries"
	// None is for those that acknowledge nothing.
	None Proof = ""
)

// The ids of the candidates.
const (
	OursPOP     = "pop"
	OursPull    = "pull"
	OursOrdered = "ordered-pop"
	ClientGo    = "client-go"
	JavaPull    = "java-pull"
	JavaPOP     = "java-pop"
	RawPull     = "raw-pull"
	RawPop      = "raw-pop"
)

// Candidates are all of them, in the order of tables.
var Candidates = []Candidate{
	{ID: OursPOP, Name: "this subscriber, POP", Go: consumers.OursPOP, Proof: ByRetries, Waits: true, Idles: true},
	{ID: OursPull, Name: "this subscriber, pull", Go: consumers.OursPull, Proof: ByOffsets, Waits: true, Idles: true},
	{ID: OursOrdered, Name: "this subscriber, ordered POP", Go: consumers.OursOrdered, Proof: ByOffsets},
	{ID: ClientGo, Name: "rocketmq-client-go, push consumer", Go: consumers.ClientGo, Proof: ByOffsets, Waits: true},
	{ID: JavaPull, Name: "Java, push consumer with pulls", Java: "pull", Proof: ByOffsets, Waits: true},
	{ID: JavaPOP, Name: "Java, push consumer with POP", Java: "pop", Proof: ByRetries, Slow: true},
	{ID: RawPull, Name: "raw pulls of 32", Go: consumers.RawPull},
	{ID: RawPop, Name: "raw pops of 32", Go: consumers.RawPop},
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
