package subscriber

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pull"
)

// popSince is the version from which on POP loses no messages
// (apache/rocketmq issue 7914 is fixed in it).
const popSince = headers.Version5_3_0

// chosenEngine is the engine of a Subscriber, which is made when it is first needed.
type chosenEngine struct {
	// turn has one slot: whoever has filled it makes the engine.
	turn chan struct{}
	made atomic.Pointer[madeEngine]
}

type madeEngine struct {
	engine.Engine
	kind Engine
}

// chosen returns the engine, and makes it if there is none.
func (s *Subscriber) chosen(ctx context.Context) (*madeEngine, error) {
	if made := s.engine.made.Load(); made != nil {
		return made, nil
	}
	select {
	case s.engine.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.engine.turn }()
	if made := s.engine.made.Load(); made != nil {
		return made, nil
	}
	kind, why, err := s.choose(ctx)
	if err != nil {
		return nil, err
	}
	made, err := s.makeEngine(kind)
	if err != nil {
		return nil, err
	}
	s.logger.Info("RocketMQ messages are consumed by "+string(kind), watermill.LogFields{"why": why})
	s.engine.made.Store(made)
	return made, nil
}

// choose says which engine it is to be, and why.
func (s *Subscriber) choose(ctx context.Context) (kind Engine, why string, err error) {
	switch {
	case s.cfg.Engine != Auto:
		return s.cfg.Engine, "Config.Engine", nil
	case s.cfg.Group == "":
		return Pull, "without a consumer group there is nothing to lease", nil
	}
	lowest, err := s.lowestVersion(ctx)
	if err != nil {
		return Auto, "", err
	}
	if lowest < popSince {
		return Pull, "a broker is of version " + lowest.String() + ", and POP is safe from 5.3.0 on", nil
	}
	return POP, "all brokers are of version " + lowest.String() + " or later", nil
}

// errNoBrokers means that there is nobody to be asked for a version.
var errNoBrokers = errors.New("no broker is registered at the name servers")

// versionsAtOnce is how many brokers are asked for their versions at once.
const versionsAtOnce = 16

// lowestVersion returns the version of the oldest of all brokers of the cluster.
func (s *Subscriber) lowestVersion(ctx context.Context) (headers.Version, error) {
	brokers, err := s.routes.ClusterBrokers(ctx)
	if err != nil {
		return 0, err
	}
	versions, errs := make([]headers.Version, len(brokers)), make([]error, len(brokers))
	fanout.Each(len(brokers), versionsAtOnce, func(i int) { versions[i], errs[i] = s.version(ctx, brokers[i].Addr) })
	lowest, failure := headers.Version(0), error(nil)
	for i, v := range versions {
		switch {
		case errs[i] != nil:
			failure = errs[i] // a broker that is down decides nothing
		case lowest == 0 || v < lowest:
			lowest = v
		}
	}
	switch {
	case failure != nil && (lowest == 0 || ctx.Err() != nil): // who has had no time to answer may be up
		return 0, failure
	case lowest == 0:
		return 0, errNoBrokers
	}
	return lowest, nil
}

// version asks a broker for its version. One that hangs must not use up the time of all.
func (s *Subscriber) version(ctx context.Context, addr string) (headers.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	return s.member.Version(ctx, addr)
}

func (s *Subscriber) makeEngine(kind Engine) (*madeEngine, error) {
	cfg := engine.Config{
		Session:        s.cluster.Session(),
		Member:         s.member,
		Group:          s.names.Group(s.cfg.Group),
		Ordered:        s.cfg.Ordered,
		Lease:          s.cfg.Lease,
		RequestTimeout: s.cfg.RequestTimeout,
		CommitInterval: s.cfg.CommitInterval,
		AckLinger:      ackLinger,
		Logger:         s.logger,
		Observer:       engineObserver{s},
	}
	if kind == POP {
		return &madeEngine{pop.New(cfg), kind}, nil
	}
	if cfg.Group != "" {
		member, err := s.memberAlone(cfg.Group)
		if err != nil {
			return nil, err
		}
		if member != nil {
			cfg.Session, cfg.Member = s.apart.client.Session(), member
		}
	}
	return &madeEngine{pull.New(cfg), kind}, nil
}
