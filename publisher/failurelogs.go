package publisher

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
)

// failureLogs keep apart what fails often.
type failureLogs struct {
	brokers, search, checks, traces loglimit.Limit
	notDurable                      [SlaveNotAvailable + 1]loglimit.Limit // by status
	keys, fitted, injected          loglimit.Limit
}
