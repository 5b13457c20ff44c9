package headers_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The user that the captured frames were signed by.
const (
	goldenUser   = "rocketmq"
	goldenSecret = "12345678"
)

var signedFrames = []string{"50_acl_send_req", "51_acl_heartbeat_req", "52_acl_unregister_req"}

// What the Java client of 5.5.0 has signed.
func TestSignatureOfJavaClient(t *testing.T) {
	for _, name := range signedFrames {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, golden(t, name))
			require.Equal(t, goldenUser, c.Fields.String(headers.FieldAccessKey))
			require.NotEmpty(t, c.Fields.String(headers.FieldSignature))
			require.Equal(t, c.Fields.String(headers.FieldSignature), headers.Signature(c.Fields, c.Body, goldenSecret))
			require.NotEqual(t, c.Fields.String(headers.FieldSignature), headers.Signature(c.Fields, c.Body, "other"))
			require.NotEqual(t, c.Fields.String(headers.FieldSignature), headers.Signature(c.Fields, append([]byte("x"), c.Body...), goldenSecret))
		})
	}
}

// The same requests signed here have the same fields, in either header.
func TestSignLikeJavaClient(t *testing.T) {
	for _, name := range signedFrames {
		for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				want := mustParse(t, golden(t, name))
				bare := command{code: headers.RequestCode(want.Code)}
				for field, value := range want.Fields.All() {
					if n := string(field); n != headers.FieldAccessKey && n != headers.FieldSignature {
						bare.fields = append(bare.fields, headers.Field{Name: n, Value: string(value)})
					}
				}
				signed := headers.Sign(bare, want.Body, goldenUser, goldenSecret, "")
				require.Equal(t, bare.code, signed.RequestCode())
				frame, err := headers.AppendRequest(nil, s, 1, false, signed, want.Body)
				require.NoError(t, err)
				got, err := decodeOracle(frame)
				require.NoError(t, err)
				require.Equal(t, fieldMap(want.Fields), got.Ext)
			})
		}
	}
}

// Fields that are there before a request is signed are part of what is signed,
// the security token too.
func TestSignCoversFurtherFields(t *testing.T) {
	bare := command{headers.CodeHeartbeat, headers.FieldList{{"topic", "t \"é\u2028"}, {"empty", ""}}}
	more := headers.WithFields(bare, headers.FieldList{{"ns", "space"}, {"nsd", "true"}})
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		frame, err := headers.AppendRequest(nil, s, 1, false, headers.Sign(more, []byte("body"), "user", "secret", "token"), []byte("body"))
		require.NoError(t, err)
		c := mustParse(t, frame)
		signature := c.Fields.String(headers.FieldSignature)
		require.Equal(t, signature, headers.Signature(c.Fields, c.Body, "secret"))
		require.Equal(t, map[string]string{
			"topic": "t \"é\u2028", "ns": "space", "nsd": "true",
			"AccessKey": "user", "SecurityToken": "token", "Signature": signature,
		}, fieldMap(c.Fields))
		// AccessKey, SecurityToken, ns, nsd, topic: the order of their names.
		whole := command{headers.CodeHeartbeat, headers.FieldList{{"one", "usertokenspacetruet \"é\u2028"}}}
		frame, err = headers.AppendRequest(nil, s, 1, false, whole, []byte("body"))
		require.NoError(t, err)
		c = mustParse(t, frame)
		require.Equal(t, signature, headers.Signature(c.Fields, c.Body, "secret"))
	}
}

// Of a name that is there twice Java keeps the last.
func TestSignatureOfFieldsThatAreThereTwice(t *testing.T) {
	twice := mustParse(t, mustEncode(t, command{1, headers.FieldList{{"a", "1"}, {"b", "2"}, {"a", "3"}}}))
	once := mustParse(t, mustEncode(t, command{1, headers.FieldList{{"a", "3"}, {"b", "2"}}}))
	require.Equal(t, headers.Signature(once.Fields, nil, "k"), headers.Signature(twice.Fields, nil, "k"))
}

// However many fields there are, and however often each, the last of a name counts.
func TestSignatureOfManyFields(t *testing.T) {
	const names, times = 10_000, 3
	var list, last headers.FieldList
	for i := range names * times {
		f := headers.Field{Name: fmt.Sprintf("n%05d", i*7919%names), Value: fmt.Sprint(i + 1)}
		list = append(list, f)
		if i >= names*(times-1) {
			last = append(last, f)
		}
	}
	slices.SortFunc(last, func(a, b headers.Field) int { return strings.Compare(a.Name, b.Name) })
	var content strings.Builder
	for _, f := range last {
		content.WriteString(f.Value)
	}
	mac := hmac.New(sha1.New, []byte("k"))
	mac.Write([]byte(content.String()))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		frame, err := headers.AppendRequest(nil, s, 1, false, command{1, list}, nil)
		require.NoError(t, err)
		require.Equal(t, want, headers.Signature(mustParse(t, frame).Fields, nil, "k"))
	}
}

// An empty value of a binary header is null to Java, which signs the word. Nothing
// here sends one.
func TestSignatureOfEmptyValue(t *testing.T) {
	empty := mustEncode(t, command{1, headers.FieldList{{"a", "x"}, {"b", "1"}}})
	at := bytes.Index(empty, []byte("\x00\x01a\x00\x00\x00\x01x"))
	empty = slices.Delete(empty, at+7, at+8)
	empty[at+6] = 0
	for _, length := range []int{3, 7, 28} { // of the frame, the header, the ext fields
		empty[length]--
	}
	word := mustParse(t, mustEncode(t, command{1, headers.FieldList{{"a", "null"}, {"b", "1"}}}))
	require.Equal(t, headers.Signature(word.Fields, nil, "k"), headers.Signature(mustParse(t, empty).Fields, nil, "k"))
}

func TestSignedRequestDoesNotShowItsFields(t *testing.T) {
	signed := headers.Sign(command{code: headers.CodeHeartbeat}, nil, "user", "the secret", "the token")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		text := fmt.Sprintf(verb, signed)
		require.False(t, strings.Contains(text, "token"), text)
		require.Contains(t, text, "HEART_BEAT")
	}
}

func mustEncode(t *testing.T, r headers.Request) []byte {
	frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, r, nil)
	require.NoError(t, err)
	return frame
}
