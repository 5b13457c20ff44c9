package transactions

import (
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Check is when a broker asks producers about half messages that nobody has decided.
type Check struct {
	Timeout  time.Duration // the least age of a half message
	Interval time.Duration // between two rounds
	Most     int           // checks of one message
}

// DefaultCheck is that of BrokerConfig of 5.5.0: transactionTimeOut,
// transactionCheckInterval and transactionCheckMax.
func DefaultCheck() Check {
	return Check{Timeout: 6 * time.Second, Interval: 30 * time.Second, Most: 15}
}

// immunity is how old a half message has to be to be checked
// (TransactionalMessageServiceImpl.getImmunityTime of 5.5.0).
func (c Check) immunity(set *properties.Set) time.Duration {
	seconds, err := strconv.ParseInt(string(set.Get(headers.PropertyCheckImmunity)), 10, 32)
	if err != nil || seconds == -1 {
		return c.Timeout
	}
	return time.Duration(seconds) * time.Second
}
