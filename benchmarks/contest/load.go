package contest

// Load is how a case's calls come: each caller as soon as it is answered, or at
// planned times.
type Load string

// The loads of a case. The open ones follow the closed one, whose rates they need.
const (
	Closed Load = "closed"
	// OpenSlowest is an open loop at 80 % of the slowest candidate's rate.
	OpenSlowest Load = "open-slowest"
	// OpenOwn is an open loop at 80 % of the candidate's own rate.
	OpenOwn Load = "open-own"
)

// openShare is the part of a closed loop's rate that an open loop has.
const openShare = 0.8
