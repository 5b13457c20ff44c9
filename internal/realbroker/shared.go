package realbroker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// Shared has one cluster of each version for all tests of a package, since each takes
// seconds to start. The zero value is ready. TestMain closes it.
//
// Packages do not share clusters among each other. Some of their tests compare all that
// a broker keeps before and after, and others kill brokers. So each package pays for its
// own: a broker takes 4 (4.9.7) to 7 (5.5.0) seconds of processor time to start, half a
// second to end, and 280 to 370 MB of memory.
type Shared struct {
	mu       sync.Mutex
	clusters map[string]func() (*Cluster, error)
}

// Cluster returns the cluster of the version, one broker with the default settings, and
// starts it when it is the first to ask. The test is skipped where that is impossible,
// see [Require].
func (s *Shared) Cluster(t testing.TB, version string) *Cluster {
	t.Helper()
	Require(t)
	c, err := s.start(version)()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start returns what starts the cluster, once, and returns it. Versions do not wait for
// each other.
func (s *Shared) start(version string) func() (*Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clusters == nil {
		s.clusters = make(map[string]func() (*Cluster, error))
	}
	start := s.clusters[version]
	if start == nil {
		start = sync.OnceValues(func() (*Cluster, error) {
			return Launch(context.Background(), Config{Version: version}, nil)
		})
		s.clusters[version] = start
	}
	return start
}

// Close ends all clusters. It is for when no test runs any more.
func (s *Shared) Close() error {
	s.mu.Lock()
	clusters := s.clusters
	s.clusters = nil
	s.mu.Unlock()
	var errs []error
	for version, start := range clusters {
		c, err := start()
		if err != nil {
			continue // the test that wanted it has failed
		}
		if err := c.Close(); err != nil {
			errs = append(errs, fmt.Errorf("stopping RocketMQ %s: %w", version, err))
		}
	}
	return errors.Join(errs...)
}
