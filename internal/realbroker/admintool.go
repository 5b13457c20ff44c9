package realbroker

import (
	"encoding/json"
	"strings"
	"testing"
)

// AdminOutput is what a command of mqadmin has printed: to its standard output, and to its
// standard error, where the exception is that it has failed with.
type AdminOutput struct{ Out, Err string }

// MQAdmin runs a command of mqadmin, of the witness's version, in the witness's process, with
// any name servers. Unlike [Cluster.Admin] it does not start a JVM for it, and a command that
// fails does not fail the test. Arguments that mqadmin cannot read do.
func (w *Witness) MQAdmin(t testing.TB, nameServers []string, args ...string) AdminOutput {
	t.Helper()
	command := append([]string{"mqadmin"}, args...)
	command = append(command, "-n", strings.Join(nameServers, ";"))
	var printed struct{ Out, Err string }
	if err := json.Unmarshal(w.Run(t, command...), &printed); err != nil {
		t.Fatal(exported(err))
	}
	return AdminOutput(printed)
}
