package realbroker

import "testing"

// StateLine is one thing that a broker keeps. See [Witness.State].
type StateLine struct {
	// Kind is "topic", "group" (of consumers) or "log end".
	Kind       string `json:"kind"`
	BrokerAddr string `json:"brokerAddr"`
	// Name of the topic or group, or the end of the commit log in bytes: any
	// message that is stored, of whatever kind, moves it.
	Name string `json:"name"`
	// What follows is known of topics.
	ReadQueues  int `json:"readQueues"`
	WriteQueues int `json:"writeQueues"`
	Perm        int `json:"perm"`
	// Attributes are those of 5.x, such as message.type.
	Attributes map[string]string `json:"attributes"`
}

// State returns what every master keeps, as the official admin client is told:
// its topics, its consumer groups, and where its log ends. Two equal states mean
// that nothing was stored between them.
func (w *Witness) State(t testing.TB) []StateLine {
	t.Helper()
	return lines[StateLine](t, w.Run(t, "state"))
}
