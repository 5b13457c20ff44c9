package topics

// CreateGroupError means that a missing consumer group was not created, or not on every
// broker.
type CreateGroupError struct {
	// Group is the name in RocketMQ.
	Group string
	// Created names the brokers that have the group by this attempt.
	Created []string
	// Brokers are those that refused or could not be reached. When Created is
	// empty none was asked to create it before all had been reached.
	Brokers []*BrokerError
	// Err is what failed before any broker was asked: an error of package routing,
	// ErrSeveralClusters, ErrNoMaster, that of a context, or that of a client that is
	// closed. Nil if Brokers says it all.
	Err error
}

// Error names the group and each broker with what went wrong there.
func (e *CreateGroupError) Error() string {
	return failureText("consumer group", e.Group, e.Created, e.Unwrap())
}

// Unwrap returns the causes.
func (e *CreateGroupError) Unwrap() []error { return causes(e.Err, e.Brokers) }
