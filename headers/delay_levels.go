package headers

import "time"

// DelayLevels returns the delays that brokers have for the levels of PropertyDelayLevel and
// ConsumerSendBack, that of level 1 first, unless they are configured otherwise
// (MessageStoreConfig.messageDelayLevel of 4.9.7 and 5.5.0). The slice is the caller's.
func DelayLevels() []time.Duration {
	return []time.Duration{
		time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
		6 * time.Minute, 7 * time.Minute, 8 * time.Minute, 9 * time.Minute, 10 * time.Minute,
		20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	}
}
