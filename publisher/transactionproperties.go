package publisher

import (
	"fmt"
	"strconv"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// appendTransaction appends the properties of a half message of a producer group
// (DefaultMQProducerImpl.sendMessageInTransaction of 5.5.0).
func appendTransaction(list []headers.Property, group string, cfg *TransactionConfig) []headers.Property {
	list = append(list,
		headers.Property{Name: headers.PropertyTransaction, Value: "true"},
		headers.Property{Name: headers.PropertyProducerGroup, Value: group})
	if after := cfg.CheckAfter; after > 0 {
		seconds := (after + time.Second - 1) / time.Second
		list = append(list, headers.Property{Name: headers.PropertyCheckImmunity, Value: strconv.Itoa(int(seconds))})
	}
	return list
}

// checkTransaction refuses what a marshaler must not give a half message.
func checkTransaction(list []headers.Property) error {
	for _, property := range list {
		switch property.Name {
		case headers.PropertyTransaction, headers.PropertyProducerGroup, headers.PropertyCheckImmunity:
			return &MarshalError{fmt.Errorf("marshaler returned a %s, which is for the publisher to set", property.Name)}
		}
		if isDelay(property) {
			return &CombinationError{Features: []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureDelay}}
		}
	}
	return nil
}
