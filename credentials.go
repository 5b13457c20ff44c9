package rocketmq

import (
	"context"
	"errors"
	"fmt"
)

// CredentialsProvider returns the credentials that requests are signed with.
//
// It is asked before each request, by many goroutines at once, so it should answer
// from memory, and may return others each time: those it returns sign the next
// request, on the connections that are there. A ctx that has ended has to end a
// wait; it is that of the attempt, of the lookup at one name server, which has a
// second, or of the heartbeat.
//
// An error means that the request is not sent. A publisher takes it as final for the
// message, which fails with a *CredentialsError: trying again is for the provider
// to do, within ctx. The next message asks anew.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// CredentialsFunc is a func that is a CredentialsProvider.
type CredentialsFunc func(ctx context.Context) (Credentials, error)

// Credentials calls f.
func (f CredentialsFunc) Credentials(ctx context.Context) (Credentials, error) { return f(ctx) }

// Credentials say who a client is, and prove it. As a CredentialsProvider they
// return themselves: always the same user.
type Credentials struct {
	// AccessKey is the name of the user: accessKey in plain_acl.yml of 4.9 to
	// 5.2, the username of 5.3 and later. It is no secret: brokers repeat it.
	AccessKey string
	// SecretKey is the user's secretKey or password. It is not sent.
	SecretKey Secret
	// SecurityToken goes with temporary credentials of cloud services. Brokers
	// of Apache RocketMQ do not look at it. It is sent, so it wants TLS. Empty,
	// the default, leaves it out.
	SecurityToken Secret
}

// NewCredentials returns the credentials of a user who stays the same.
func NewCredentials(accessKey, secretKey string) Credentials {
	return Credentials{AccessKey: accessKey, SecretKey: NewSecret(secretKey)}
}

// Credentials returns c.
func (c Credentials) Credentials(context.Context) (Credentials, error) { return c, nil }

// Validate reports why c cannot sign a request: its AccessKey or its SecretKey is
// empty.
func (c Credentials) Validate() error {
	switch {
	case c.AccessKey == "":
		return errors.New("AccessKey is empty")
	case c.SecretKey.IsEmpty():
		return errors.New("SecretKey is empty")
	}
	return nil
}

// checkProvider is Cluster.Validate's look at the credentials: those of a provider are
// known only when it is asked.
func checkProvider(provider CredentialsProvider) error {
	var static Credentials
	switch own := provider.(type) {
	case Credentials:
		static = own
	case *Credentials:
		if own == nil {
			return errors.New("Credentials is a nil *Credentials")
		}
		static = *own
	case CredentialsFunc:
		if own == nil {
			return errors.New("Credentials is a nil CredentialsFunc")
		}
		return nil
	default:
		return nil
	}
	if err := static.Validate(); err != nil {
		return fmt.Errorf("Credentials.%w", err)
	}
	return nil
}
