package embedded

import (
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// User may use the brokers of a cluster with access control.
type User = access.User

// WithACL makes brokers want every request signed by one of the users, and
// answer as the version does that the cluster plays: ACL 1.0 before 5.3.0
// (aclEnable, with DENY as default permission), ACL 2.0 from then on
// (authenticationEnabled and authorizationEnabled). Name servers stay open, as
// real ones have no access control.
func WithACL(users ...User) Option {
	return func(c *config) { c.acl, c.users = true, append(c.users, users...) }
}

// SetUsers gives a cluster with access control other users, from the next request
// on. It fails for users that WithACL refuses, and for a cluster without WithACL.
func (c *Cluster) SetUsers(users ...User) error {
	if !c.cfg.acl {
		return errors.New("embedded: set users: the cluster has no access control, see WithACL")
	}
	if err := access.CheckUsers(users, c.cfg.version); err != nil {
		return fmt.Errorf("embedded: set users: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users = access.Clone(users)
	return nil
}

// checkAccess returns the refusal of a request whose sender may not send it.
func (b *Broker) checkAccess(rq *request) (refusal answer, refused bool) {
	c := b.cluster
	if !c.cfg.acl {
		return answer{}, false
	}
	c.mu.Lock()
	users := c.users // replaced as a whole
	c.mu.Unlock()
	wanted := access.Request{Command: &rq.cmd, Users: users, Version: c.cfg.version, Client: rq.conn.Remote.Addr(), Cluster: clusterName}
	r := wanted.Check()
	return answer{code: r.Code, remark: r.Remark, inJSON: r.InJSON}, r.Code != headers.Success
}
