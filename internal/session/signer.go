package session

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Signer makes each request carry what all of a session have to: to brokers and name
// servers, heartbeats and the goodbye too. Nil adds nothing.
type Signer struct {
	// fields are on every request, and signed.
	fields headers.FieldList
	ask    func(ctx context.Context) (Keys, error)
}

// newSigner returns nil if requests are sent as they are.
func newSigner(fields headers.FieldList, ask func(ctx context.Context) (Keys, error)) *Signer {
	if len(fields) == 0 && ask == nil {
		return nil
	}
	return &Signer{fields: fields, ask: ask}
}

// signed is a request that has been through the signer.
type signed struct{ headers.Request }

// decorate is transport.Config.Decorate.
func (s *Signer) decorate(ctx context.Context, r headers.Request, body []byte) (headers.Request, error) {
	if _, done := r.(signed); done {
		return r, nil
	}
	keys, err := s.Keys(ctx)
	if err != nil {
		return nil, err
	}
	return s.Sign(keys, r, body), nil
}

// Keys asks for the credentials of the next request. Whoever has to know that
// nothing is sent while it waits calls it himself, and then Sign.
func (s *Signer) Keys(ctx context.Context) (Keys, error) {
	if s == nil || s.ask == nil {
		return Keys{}, nil
	}
	return s.ask(ctx)
}

// Sign returns r with all that is added, signed by keys if there are any. The transport
// client of the session leaves it as it is.
func (s *Signer) Sign(keys Keys, r headers.Request, body []byte) headers.Request {
	if s == nil {
		return r
	}
	if len(s.fields) > 0 {
		r = headers.WithFields(r, s.fields)
	}
	if s.ask != nil {
		// Last, as the signature is of all fields.
		r = headers.Sign(r, body, keys.AccessKey, keys.SecretKey, keys.SecurityToken)
	}
	return signed{r}
}
