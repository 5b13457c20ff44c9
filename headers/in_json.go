package headers

// InJSON returns r as a request whose header is JSON, whatever the Serialization of
// the connection is: for what peers do not understand in a binary header. Peers read
// each frame by its own type, so it may go beside binary ones. A code that a binary
// header does not hold is written with a JSON header without it.
//
// WithFields and Sign keep what InJSON says. A type of your own that has r embedded
// does not.
func InJSON(r Request) Request { return &jsonRequest{r} }

type jsonRequest struct{ Request }

// serializationOf is s, or JSON where r insists on it.
func serializationOf(r Request, s Serialization) Serialization {
	for s == Binary {
		switch wrapped := r.(type) {
		case *jsonRequest:
			return JSON
		case *extendedRequest:
			r = wrapped.Request
		default:
			return s
		}
	}
	return s
}
