package headers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// inParts is a request whose body is in parts.
type inParts struct {
	SendMessage
	parts []string
}

func (r *inParts) BodySize() int {
	size := 0
	for _, part := range r.parts {
		size += len(part)
	}
	return size
}

func (r *inParts) AppendBody(dst []byte) []byte {
	for _, part := range r.parts {
		dst = append(dst, part...)
	}
	return dst
}

// A body in parts makes the frame that it makes in one piece.
func TestBodyAppender(t *testing.T) {
	header := SendMessage{ProducerGroup: "group", Topic: "topic", Batch: true}
	r := &inParts{SendMessage: header, parts: []string{"one", "", "two"}}
	for _, s := range []Serialization{JSON, Binary} {
		want, err := AppendRequest([]byte("before"), s, 7, false, &header, []byte("onetwo"))
		require.NoError(t, err)
		got, err := AppendRequest([]byte("before"), s, 7, false, r, nil)
		require.NoError(t, err)
		require.Equal(t, want, got)

		given, err := AppendRequest([]byte("before"), s, 7, false, r, []byte("onetwo"))
		require.NoError(t, err)
		require.Equal(t, want, given, "a body that is given is the one that is sent")
	}
	_, err := AppendRequest(nil, Binary, 7, false, &inParts{SendMessage: SendMessage{Topic: string(make([]byte, 1<<25))}}, nil)
	require.ErrorIs(t, err, ErrTooLarge)
}
