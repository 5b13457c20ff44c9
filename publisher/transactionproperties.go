package publisher

import (
	"fmt"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// appendTransaction appends the properties of a half message
// (DefaultMQProducerImpl.sendMessageInTransaction of 5.5.0).
func (p *Publisher) appendTransaction(list []headers.Property) []headers.Property {
	list = append(list,
		headers.Property{Name: headers.PropertyTransaction, Value: "true"},
		headers.Property{Name: headers.PropertyProducerGroup, Value: p.cfg.ProducerGroup})
	if after := p.cfg.Transaction.CheckAfter; after > 0 {
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
			return &CombinationError{Features: []Feature{FeatureTransaction, FeatureDelay}}
		}
	}
	return nil
}
