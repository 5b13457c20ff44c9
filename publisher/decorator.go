package publisher

import (
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// decorator makes each request of a publisher carry what all of them have to: to
// brokers and name servers, heartbeats and the goodbye too. Nil adds nothing.
type decorator struct {
	// fields are on every request, and signed.
	fields      headers.FieldList
	credentials CredentialsProvider
}

// newDecorator returns nil if requests are sent as they are.
func newDecorator(fields headers.FieldList, credentials CredentialsProvider) *decorator {
	if len(fields) == 0 && credentials == nil {
		return nil
	}
	return &decorator{fields: fields, credentials: credentials}
}

// decorated is a request that has been through the decorator.
type decorated struct{ headers.Request }

// decorate is transport.Config.Decorate.
func (d *decorator) decorate(ctx context.Context, r headers.Request, body []byte) (headers.Request, error) {
	if _, done := r.(decorated); done {
		return r, nil
	}
	keys, err := d.keys(ctx)
	if err != nil {
		return nil, err
	}
	return d.apply(keys, r, body), nil
}

// keys asks for the credentials of the next request. Whoever has to know that
// nothing is sent while it waits calls it himself, and then apply.
func (d *decorator) keys(ctx context.Context) (Credentials, error) {
	if d == nil || d.credentials == nil {
		return Credentials{}, nil
	}
	keys, err := d.credentials.Credentials(ctx)
	if err != nil && ctx.Err() != nil {
		return Credentials{}, fmt.Errorf("no credentials in time: %w", err)
	}
	if err == nil {
		err = keys.check()
	}
	if err != nil {
		return Credentials{}, &CredentialsError{Err: err}
	}
	return keys, nil
}

// apply returns r with all that is added, signed by keys if there are any.
func (d *decorator) apply(keys Credentials, r headers.Request, body []byte) headers.Request {
	if d == nil {
		return r
	}
	if len(d.fields) > 0 {
		r = headers.WithFields(r, d.fields)
	}
	if d.credentials != nil {
		// Last, as the signature is of all fields.
		r = headers.Sign(r, body, keys.AccessKey, keys.SecretKey.Reveal(), keys.SecurityToken.Reveal())
	}
	return decorated{r}
}
