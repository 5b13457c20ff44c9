package topics

import "errors"

// ErrSeveralClusters means that brokers of more than one cluster are registered at
// the name servers, so that Config.Cluster has to say where topics belong.
var ErrSeveralClusters = errors.New("several clusters share the name servers: CreateTopics.Cluster has to name one")

// ErrNoMaster means that no broker of the cluster has a master, where a topic
// could be created.
var ErrNoMaster = errors.New("no broker with a master is registered")

// ErrNotRouted means that brokers have created a topic, but the name servers
// did not show it on all of them in time. It is there a moment later.
var ErrNotRouted = errors.New("the name servers do not know the new topic yet")
