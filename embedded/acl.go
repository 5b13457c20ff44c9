package embedded

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// versionACL2 is the first version with authentication and authorization
// (ACL 2.0): 5.3.0. Before it, 4.4 and later have ACL 1.0.
const versionACL2 headers.Version = 473

// User may use the brokers of a cluster with access control.
type User struct {
	AccessKey, SecretKey string
	// Publish has the topics that the user may publish to.
	Publish []string
	// Superuser may do everything.
	Superuser bool
	// Disabled switches the user off. ACL 1.0, before 5.3.0, does not have that.
	Disabled bool
}

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
	if err := checkUsers(users, c.cfg.version); err != nil {
		return fmt.Errorf("embedded: set users: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users = cloneUsers(users)
	return nil
}

func cloneUsers(users []User) []User {
	own := slices.Clone(users)
	for i := range own {
		own[i].Publish = slices.Clone(own[i].Publish)
	}
	return own
}

func checkUsers(users []User, v headers.Version) error {
	var faults []error
	for i, u := range users {
		switch {
		case u.AccessKey == "" || u.SecretKey == "":
			faults = append(faults, fmt.Errorf("user %d has no access key or no secret key", i))
		case slices.ContainsFunc(users[:i], func(other User) bool { return other.AccessKey == u.AccessKey }):
			faults = append(faults, fmt.Errorf("user %q is there twice", u.AccessKey))
		case u.Disabled && v < versionACL2:
			faults = append(faults, fmt.Errorf("user %q is disabled, which version %d does not have", u.AccessKey, v))
		}
	}
	return errors.Join(faults...)
}

func (c *Cluster) user(accessKey string) (User, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.users, func(u User) bool { return u.AccessKey == accessKey })
	if at < 0 {
		return User{}, false
	}
	return c.users[at], true
}

// checkAccess returns the refusal of a request whose sender may not send it.
func (b *Broker) checkAccess(rq *request) (refusal answer, refused bool) {
	if !b.cluster.cfg.acl {
		return answer{}, false
	}
	if b.cluster.cfg.version < versionACL2 {
		refusal = b.checkACL1(rq)
	} else {
		refusal = b.checkACL2(rq)
	}
	return refusal, refusal.code != headers.Success
}

// checkACL1 is PlainPermissionManager.validate (4.9.7) and what builds its
// question (PlainAccessValidator.parse of 4.9.7, PlainAccessResource.parse of
// 5.1.4).
func (b *Broker) checkACL1(rq *request) answer {
	refuse := func(remark string) answer {
		a := refuse(headers.SystemError, "org.apache.rocketmq.acl.common.AclException: "+remark)
		a.inJSON = true
		return a
	}
	key := rq.cmd.Fields.String(headers.FieldAccessKey)
	if key == "" {
		return refuse("No accessKey is configured")
	}
	u, ok := b.cluster.user(key)
	if !ok {
		return refuse("No acl config for " + key)
	}
	if rq.cmd.Fields.String(headers.FieldSignature) != headers.Signature(rq.cmd.Fields, rq.cmd.Body, u.SecretKey) {
		return refuse("Check signature failed for accessKey=" + key)
	}
	r := resourceOf(rq)
	switch {
	case u.Superuser || u.mayUse(r):
		return answer{}
	case r.kind == adminResource:
		return refuse(fmt.Sprintf("Need admin permission for request code=%d, but accessKey=%s is not", rq.cmd.Code, key))
	case r.kind == topicResource && rq.code() == headers.CodeSendBatchMessage && !b.cluster.behaviour.five:
		return answer{} // 4.9 does not look at the topic of batches
	case r.kind == topicResource:
		return refuse("No default permission for topic:" + r.name)
	}
	return refuse("No default permission for group:" + r.name)
}

// checkACL2 is DefaultAuthenticationHandler and AclAuthorizationHandler (5.5.0).
func (b *Broker) checkACL2(rq *request) answer {
	key := rq.cmd.Fields.String(headers.FieldAccessKey)
	if key == "" {
		return refuse(headers.NoPermission, "username cannot be null.")
	}
	u, ok := b.cluster.user(key)
	switch {
	case !ok:
		return refuse(headers.NoPermission, "User:"+key+" is not found.")
	case u.Disabled:
		return refuse(headers.NoPermission, "User:"+key+" is disabled.")
	case rq.cmd.Fields.String(headers.FieldSignature) != headers.Signature(rq.cmd.Fields, rq.cmd.Body, u.SecretKey):
		return refuse(headers.NoPermission, "check signature failed.")
	}
	r := resourceOf(rq)
	if u.Superuser || u.mayUse(r) {
		return answer{}
	}
	return refuse(headers.NoPermission, fmt.Sprintf("User:%s has no permission to access %s:%s from %s, no matched policies.",
		key, r.kind, r.name, rq.conn.remote.Addr()))
}

// mayUse reports whether a user who is no superuser may use the resource.
func (u *User) mayUse(r resource) bool {
	return r.kind == noResource || r.kind == topicResource && r.publish && slices.Contains(u.Publish, r.name)
}

// resourceKind is what a permission is about.
type resourceKind string

const (
	noResource    resourceKind = ""
	topicResource resourceKind = "Topic"
	groupResource resourceKind = "Group"
	adminResource resourceKind = "Cluster"
)

// resource is what a request wants to use.
type resource struct {
	kind resourceKind
	name string
	// publish is set for a request that publishes to the topic.
	publish bool
}

// resourceOf says what a request is about. Whoever is known may say that he lives
// as a producer, and say goodbye.
func resourceOf(rq *request) resource {
	topic := func() resource { return resource{kind: topicResource, name: rq.cmd.Fields.String("topic")} }
	group := func(name string) resource { return resource{kind: groupResource, name: rq.cmd.Fields.String(name)} }
	switch rq.code() {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
		h, err := headers.ParseSendMessage(&rq.cmd)
		switch {
		case err != nil:
			return resource{} // refused for that
		case strings.HasPrefix(h.Topic, retryPrefix):
			return resource{kind: groupResource, name: h.ProducerGroup}
		}
		return resource{kind: topicResource, name: h.Topic, publish: true}
	case headers.CodeHeartbeat:
		beat, err := headers.ParseHeartbeatData(rq.cmd.Body)
		if err == nil && len(beat.Consumers) > 0 {
			return resource{kind: groupResource, name: beat.Consumers[0].Group}
		}
		return resource{}
	case headers.CodeUnregisterClient:
		if r := group("consumerGroup"); r.name != "" {
			return r
		}
		return resource{}
	case headers.CodeCreateTopic, codeProducers:
		return resource{kind: adminResource, name: clusterName}
	case headers.CodeConsumerList, headers.CodePullMessage, headers.CodeLitePullMessage,
		headers.CodeQueryConsumerOffset, headers.CodeUpdateConsumerOffset:
		return group("consumerGroup")
	case headers.CodeLockQueues, headers.CodeUnlockQueues:
		return resource{kind: groupResource}
	case headers.CodeQueryMessage, headers.CodeViewMessage, headers.CodeSearchOffset,
		headers.CodeMaxOffset, headers.CodeMinOffset, headers.CodeEarliestStoreTime:
		return topic()
	}
	return resource{}
}
