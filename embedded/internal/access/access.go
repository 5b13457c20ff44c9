// Package access is the access control of brokers: users, and what they may do.
package access

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Version2 is the first version with authentication and authorization
// (ACL 2.0). Before it, 4.4 and later have ACL 1.0.
const Version2 = headers.Version5_3_0

// codeProducers is GET_PRODUCER_CONNECTION_LIST.
const codeProducers headers.RequestCode = 204

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

// Clone returns a copy that shares no memory.
func Clone(users []User) []User {
	own := slices.Clone(users)
	for i := range own {
		own[i].Publish = slices.Clone(own[i].Publish)
	}
	return own
}

// CheckUsers says what is wrong with users, for a version of brokers.
func CheckUsers(users []User, v headers.Version) error {
	var faults []error
	for i, u := range users {
		switch {
		case u.AccessKey == "" || u.SecretKey == "":
			faults = append(faults, fmt.Errorf("user %d has no access key or no secret key", i))
		case slices.ContainsFunc(users[:i], func(other User) bool { return other.AccessKey == u.AccessKey }):
			faults = append(faults, fmt.Errorf("user %q is there twice", u.AccessKey))
		case u.Disabled && v < Version2:
			faults = append(faults, fmt.Errorf("user %q is disabled, which version %d does not have", u.AccessKey, v))
		}
	}
	return errors.Join(faults...)
}

// Request is one that somebody wants to make.
type Request struct {
	Command *headers.Command
	Users   []User
	Version headers.Version
	// Client is who makes it, and Cluster what the broker is part of.
	Client  netip.Addr
	Cluster string
}

// Refusal is why a request is not worked on.
type Refusal struct {
	Code   headers.ResponseCode // Success if the request may be made
	Remark string
	// InJSON is set if the answer's header is in JSON, whatever the request's is.
	InJSON bool
}

// Check returns the refusal of a request whose sender may not make it.
func (rq *Request) Check() Refusal {
	if rq.Version < Version2 {
		return rq.check1()
	}
	return rq.check2()
}

func (rq *Request) user(accessKey string) (User, bool) {
	at := slices.IndexFunc(rq.Users, func(u User) bool { return u.AccessKey == accessKey })
	if at < 0 {
		return User{}, false
	}
	return rq.Users[at], true
}

func (rq *Request) code() headers.RequestCode { return headers.RequestCode(rq.Command.Code) }

// check1 is PlainPermissionManager.validate (4.9.7) and what builds its
// question (PlainAccessValidator.parse of 4.9.7, PlainAccessResource.parse of
// 5.1.4).
func (rq *Request) check1() Refusal {
	refuse := func(remark string) Refusal {
		return Refusal{headers.SystemError, "org.apache.rocketmq.acl.common.AclException: " + remark, true}
	}
	key := rq.Command.Fields.String(headers.FieldAccessKey)
	if key == "" {
		return refuse("No accessKey is configured")
	}
	u, ok := rq.user(key)
	if !ok {
		return refuse("No acl config for " + key)
	}
	if rq.Command.Fields.String(headers.FieldSignature) != headers.Signature(rq.Command.Fields, rq.Command.Body, u.SecretKey) {
		return refuse("Check signature failed for accessKey=" + key)
	}
	r := resourceOf(rq)
	switch {
	case u.Superuser || u.mayUse(r):
		return Refusal{}
	case r.kind == adminResource:
		return refuse(fmt.Sprintf("Need admin permission for request code=%d, but accessKey=%s is not", rq.Command.Code, key))
	case r.kind == topicResource && rq.code() == headers.CodeSendBatchMessage && rq.Version < headers.Version5_0_0:
		return Refusal{} // 4.9 does not look at the topic of batches
	case r.kind == topicResource:
		return refuse("No default permission for topic:" + r.name)
	}
	return refuse("No default permission for group:" + r.name)
}

// check2 is DefaultAuthenticationHandler and AclAuthorizationHandler (5.5.0).
func (rq *Request) check2() Refusal {
	refuse := func(remark string) Refusal { return Refusal{Code: headers.NoPermission, Remark: remark} }
	key := rq.Command.Fields.String(headers.FieldAccessKey)
	if key == "" {
		return refuse("username cannot be null.")
	}
	u, ok := rq.user(key)
	switch {
	case !ok:
		return refuse("User:" + key + " is not found.")
	case u.Disabled:
		return refuse("User:" + key + " is disabled.")
	case rq.Command.Fields.String(headers.FieldSignature) != headers.Signature(rq.Command.Fields, rq.Command.Body, u.SecretKey):
		return refuse("check signature failed.")
	}
	r := resourceOf(rq)
	if u.Superuser || u.mayUse(r) {
		return Refusal{}
	}
	return refuse(fmt.Sprintf("User:%s has no permission to access %s:%s from %s, no matched policies.",
		key, r.kind, r.name, rq.Client))
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
func resourceOf(rq *Request) resource {
	topic := func() resource { return resource{kind: topicResource, name: rq.Command.Fields.String("topic")} }
	group := func(name string) resource { return resource{kind: groupResource, name: rq.Command.Fields.String(name)} }
	switch rq.code() {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
		h, err := headers.ParseSendMessage(rq.Command)
		switch {
		case err != nil:
			return resource{} // refused for that
		case strings.HasPrefix(h.Topic, headers.RetryTopicPrefix):
			return resource{kind: groupResource, name: h.ProducerGroup}
		}
		return resource{kind: topicResource, name: h.Topic, publish: true}
	case headers.CodeHeartbeat:
		beat, err := headers.ParseHeartbeatData(rq.Command.Body)
		if err == nil && len(beat.Consumers) > 0 {
			return resource{kind: groupResource, name: beat.Consumers[0].Group}
		}
		return resource{}
	case headers.CodeUnregisterClient:
		if r := group("consumerGroup"); r.name != "" {
			return r
		}
		return resource{}
	case headers.CodeDeleteTopic, headers.CodeDeleteSubscriptionGroup:
		switch {
		case rq.Version < Version2:
			return resource{kind: adminResource, name: rq.Cluster}
		case rq.code() == headers.CodeDeleteTopic:
			return topic()
		}
		return group("groupName")
	case headers.CodeCreateTopic, codeProducers:
		return resource{kind: adminResource, name: rq.Cluster}
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
