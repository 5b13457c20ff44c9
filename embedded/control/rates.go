package control

import (
	"context"
	"net/http"
	"time"
)

// topicRate is how many messages a topic gets, and consumers are given of it.
type topicRate struct {
	Topic        string  `json:"topic"`
	InPerSecond  float64 `json:"inPerSecond"`
	OutPerSecond float64 `json:"outPerSecond"`
}

// rateList is the answer to GET /v1/rates.
type rateList struct {
	Millis int64       `json:"millis"`
	Rates  []topicRate `json:"rates"`
}

// Time that rates are measured for.
const (
	ratesMillis    = 1000
	maxRatesMillis = 10_000
)

// getRates counts for as long as it is asked to, and then answers.
func (h *Handler) getRates(c *call) error {
	millis, err := c.number("millis", ratesMillis, 1, maxRatesMillis)
	if err != nil {
		return err
	}
	before, began := h.topics(), time.Now()
	if err := pause(c.r.Context(), time.Duration(millis)*time.Millisecond); err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	list := rateList{Millis: millis, Rates: []topicRate{}}
	for _, now := range h.topics().Topics {
		var then topicState
		for _, t := range before.Topics {
			if t.Name == now.Name {
				then = t
			}
		}
		list.Rates = append(list.Rates, topicRate{
			now.Name, float64(max(0, now.Stored-then.Stored)) / seconds, float64(max(0, now.Delivered-then.Delivered)) / seconds,
		})
	}
	return reply(c, http.StatusOK, list)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return gone(ctx)
	}
}
