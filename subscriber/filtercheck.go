package subscriber

import (
	"context"
	"errors"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// filterChecksAtOnce is how many brokers are asked at once.
const filterChecksAtOnce = 8

// checkFilter asks the masters of a topic whether they take its filter. Pulls would be
// refused again and again otherwise, and brokers of some versions pop without a look at
// what they do not support. The error is a *FilterError. Brokers that do not say are left
// to the engine.
func (s *Subscriber) checkFilter(ctx context.Context, what engine.Topic, filter Filter) error {
	if !what.Filter.SQL {
		return nil
	}
	data := headers.CheckClientData{
		ClientID: s.cluster.Session().ID(), ConsumerGroup: s.names.Group(s.cfg.Group),
		Subscription: headers.SubscriptionData{
			Topic: what.Name, Expression: what.Filter.Expression, ExpressionType: headers.ExpressionSQL92, Version: time.Now().UnixMilli(),
		},
	}
	body, err := data.Encode()
	if err != nil {
		return err
	}
	route, err := s.routes.ReadRoute(ctx, what.Name)
	if err != nil {
		return err
	}
	replicas := route.Replicas()
	errs := make([]error, len(replicas))
	fanout.Each(len(replicas), filterChecksAtOnce, func(i int) {
		if !replicas[i].IsMaster() {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
		defer cancel()
		_, err := headers.Successful(s.member.Client().Invoke(ctx, replicas[i].Addr, headers.CheckClientConfig{}, body))
		var status *headers.StatusError
		if errors.As(err, &status) && (status.Code == headers.SystemError || status.Code == headers.SubscriptionParseFailed) {
			errs[i] = &FilterError{Filter: filter, Broker: replicas[i].Addr, Err: err}
		}
	})
	return errors.Join(errs...)
}
