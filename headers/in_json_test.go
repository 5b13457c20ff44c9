package headers_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// A request that insists on JSON gets it, also when it is signed or has more fields,
// and is the same request else.
func TestInJSON(t *testing.T) {
	fields := headers.FieldList{{"topic", "t"}}
	plain := command{headers.CodeTopicRoute, fields}
	more := headers.FieldList{{"ns", "n"}}
	for name, pair := range map[string][2]headers.Request{
		"alone":               {headers.InJSON(plain), plain},
		"twice":               {headers.InJSON(headers.InJSON(plain)), plain},
		"then more fields":    {headers.WithFields(headers.InJSON(plain), more), headers.WithFields(plain, more)},
		"after more fields":   {headers.InJSON(headers.WithFields(plain, more)), headers.WithFields(plain, more)},
		"then signed":         {headers.Sign(headers.InJSON(plain), nil, "key", "secret", ""), headers.Sign(plain, nil, "key", "secret", "")},
		"more fields, signed": {headers.Sign(headers.WithFields(headers.InJSON(plain), more), nil, "key", "secret", ""), headers.Sign(headers.WithFields(plain, more), nil, "key", "secret", "")},
		"a large code":        {command{200050, fields}, command{200050, fields}},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := headers.AppendRequest(nil, headers.JSON, 1, false, pair[1], []byte("body"))
			require.NoError(t, err)
			for _, s := range bothSerializations {
				got, err := headers.AppendRequest(nil, s, 1, false, pair[0], []byte("body"))
				require.NoError(t, err)
				require.Equal(t, string(want), string(got))
			}
		})
	}
	for code, want := range map[headers.RequestCode]headers.Serialization{
		math.MaxInt16: headers.Binary, math.MaxInt16 + 1: headers.JSON, 0: headers.Binary, math.MinInt16: headers.Binary, math.MinInt16 - 1: headers.JSON,
	} {
		frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, command{code, fields}, nil)
		require.NoError(t, err)
		c := mustParse(t, frame)
		require.Equal(t, want, c.Serialization)
		require.EqualValues(t, code, c.Code)
	}
	_, err := headers.AppendRequest(nil, headers.Binary+1, 1, false, headers.InJSON(plain), nil)
	require.ErrorContains(t, err, "serialization 2 is not known")
}

// A request is printed without its secrets, in JSON too.
func TestInJSONHidesSecrets(t *testing.T) {
	r := headers.InJSON(headers.Sign(command{code: headers.CodeHeartbeat}, nil, "key", "secret", "token"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, r), "token", verb)
	}
}

// What is wanted is an answer of code 0; what comes instead is the error.
func TestSuccessful(t *testing.T) {
	stored := headers.Command{Code: int32(headers.Success), Remark: []byte("not set any response code")}
	answer, err := headers.Successful(stored, nil)
	require.NoError(t, err)
	require.Equal(t, stored, answer)

	refused := headers.Command{Code: int32(headers.NoPermission), Remark: []byte("no"), Version: headers.Version5_5_0}
	answer, err = headers.Successful(refused, nil)
	require.Equal(t, &headers.StatusError{Code: headers.NoPermission, Remark: "no"}, err)
	require.Equal(t, refused, answer, "who wants to know more may look")

	broken := errors.New("broken")
	_, err = headers.Successful(headers.Command{Code: 1}, broken)
	require.Equal(t, broken, err)
}
