package peers

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// oursAsync is PublishAsync of this project's publisher: OnResult has to be set, all
// else is as in ours.
type oursAsync struct {
	publisher *publisher.Publisher
	// places are those of the run, by their messages' UUIDs. Nothing is under way
	// when they change.
	places map[string]*oursPlace
}

// oursPlace is one call under way. Its message is published over and over.
type oursPlace struct {
	message *message.Message
	done    load.Done
}

func openOursAsync(nameServer string) (Peer, error) {
	o := new(oursAsync)
	var err error
	o.publisher, err = publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{nameServer}}, SendTimeout: patience, AttemptTimeout: patience,
		OnResult: o.told,
	}, nil)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// told is OnResult.
func (o *oursAsync) told(r publisher.Result) {
	done := o.places[r.UUID].done
	if r.Err != nil {
		done(0, r.Err)
		return
	}
	done(1, nil)
}

func (o *oursAsync) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	o.places = map[string]*oursPlace{}
	return runPlaces(ctx, task, func(task load.Task, body []byte) load.Start {
		place := &oursPlace{message: newMessages(1, body)[0]}
		o.places[place.message.UUID] = place
		return func(done load.Done) error {
			place.done = done
			return o.publisher.PublishAsync(task.Topic, place.message)
		}
	})
}

func (o *oursAsync) Close() error { return o.publisher.Close() }
