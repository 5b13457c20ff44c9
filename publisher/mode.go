package publisher

// mode is how the messages of a call are sent. The zero value is that of
// Publish.
type mode struct {
	// transaction makes half messages, which no consumer sees before they are
	// committed.
	transaction bool
	// oneway asks for no answer.
	oneway bool
	// async has nobody wait. It is for hooks: how such a call goes is for dispatch.Call to
	// say.
	async bool
	// patient has an asynchronous call wait for room, and go on when contexts are cancelled.
	patient bool
}
