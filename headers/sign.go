package headers

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
)

// The ext fields by which a request says who sends it (SessionCredentials,
// org.apache.rocketmq.acl.common, 4.9.7 and 5.5.0).
const (
	FieldAccessKey     = "AccessKey"
	FieldSecurityToken = "SecurityToken"
	FieldSignature     = "Signature"
)

// WithFields returns r with more ext fields, which come behind r's own. Fields
// with an empty value are left out. A name that r has itself must not be in list.
func WithFields(r Request, list FieldList) Request {
	return &extendedRequest{Request: r, more: list}
}

// extendedRequest is a request with further fields, which may be secrets.
type extendedRequest struct {
	Request
	more FieldList
}

// AppendFields appends the request's own fields and then the others.
func (r *extendedRequest) AppendFields(dst []byte, s Serialization) []byte {
	return r.more.AppendFields(r.Request.AppendFields(dst, s), s)
}

// Format writes the code alone, whatever the verb: a field may be a secret.
func (r *extendedRequest) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprint(f, r.RequestCode()) // a fmt.State reports no errors
}

// Sign returns r with the fields AccessKey, SecurityToken (unless token is empty)
// and Signature, as AclClientRPCHook of 5.5.0 adds them. body is the one that r is
// sent with. No field may be added to what Sign returns: the broker would refuse
// it.
func Sign(r Request, body []byte, accessKey, secretKey, token string) Request {
	signed := &extendedRequest{Request: r, more: FieldList{
		{FieldAccessKey, accessKey},
		{FieldSecurityToken, token},
		{FieldSignature, ""},
	}}
	const room = 512 // for the fields of most requests
	fields := Fields{raw: signed.AppendFields(make([]byte, 0, room), Binary), serialization: Binary}
	signed.more[2].Value = Signature(fields, body, secretKey)
	return signed
}

// Signature is what the field Signature of a request has to be: the values of all
// other ext fields in the order of their names, and then the body, signed by
// HMAC-SHA1 with the secret key, in Base64 (AclUtils.combineRequestContent and
// AclSigner.calSignature of 5.5.0). Of a field that is there twice the last
// counts, as in Java, where fields are a map.
func Signature(fields Fields, body []byte, secretKey string) string {
	type field struct{ name, value []byte }
	const most = 20 // fields of a send, and those of access control and namespaces
	list := make([]field, 0, most)
	for name, value := range fields.All() {
		// All's slices are good until its next step, those of a JSON header.
		f := field{name, value}
		if fields.serialization == JSON {
			f = field{slices.Clone(name), slices.Clone(value)}
		}
		if string(name) != FieldSignature {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b field) int { return bytes.Compare(a.name, b.name) })
	mac := hmac.New(sha1.New, []byte(secretKey))
	for i, f := range list {
		if i+1 < len(list) && bytes.Equal(f.name, list[i+1].name) {
			continue // the last of a name counts
		}
		if len(f.value) == 0 && fields.serialization == Binary {
			f.value = []byte("null") // what Java makes of an empty value there
		}
		mac.Write(f.value) // a hash.Hash returns no error
	}
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
