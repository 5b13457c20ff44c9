package topics

// Permission says what clients may do with a topic.
type Permission string

// The permissions of topics that can be published to.
const (
	ReadWrite Permission = "RW"
	// WriteOnly keeps consumers out until an operator lets them in.
	WriteOnly Permission = "W"
)
