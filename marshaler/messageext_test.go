package marshaler

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

var compressions = []body.Compression{body.Zlib, body.LZ4, body.Zstd}

func compressed(t testing.TB, c body.Compression, plain []byte) []byte {
	t.Helper()
	z, err := body.NewCompressor(c, 0)
	require.NoError(t, err)
	out, err := z.Compress(nil, plain)
	require.NoError(t, err)
	return out
}

// Each client hands out the body as it does, with the system flag as it was stored.
func TestMessageExtBody(t *testing.T) {
	plain := []byte(strings.Repeat("two pizzas ", 1000))
	for _, c := range compressions {
		packed := compressed(t, c, plain)
		zlibOnly := packed // rocketmq-client-go leaves what it cannot read
		if c == body.Zlib {
			zlibOnly = plain
		}
		for client, held := range map[Decompressed][]byte{
			DecompressedNone: packed, DecompressedZlib: zlibOnly, DecompressedAll: plain,
		} {
			for _, other := range []int32{0, headers.SysFlagCommit | headers.SysFlagBornHostV6} {
				got, err := MessageExt{Body: held, SysFlag: c.SysFlag() | other, Decompressed: client, Flag: 7}.Message(len(plain))
				require.NoError(t, err, "%s %d", c, client)
				require.True(t, bytes.Equal(plain, got.Body), "%s %d", c, client)
				require.EqualValues(t, 7, got.Flag)
			}
		}
	}
	// What is not compressed stays, whatever the client and however small the limit.
	for _, client := range []Decompressed{DecompressedNone, DecompressedZlib, DecompressedAll} {
		got, err := MessageExt{Body: plain, Decompressed: client}.Message(1)
		require.NoError(t, err)
		require.Equal(t, plain, got.Body)
	}
	// The type of a client from before there were types.
	got, err := MessageExt{Body: plain, SysFlag: headers.SysFlagCompressed, Decompressed: DecompressedZlib}.Message(0)
	require.NoError(t, err)
	require.Equal(t, plain, got.Body)
}

func TestMessageExtBodyFails(t *testing.T) {
	plain := make([]byte, 1<<20)
	list := []headers.Property{{Name: "a", Value: "b"}}
	check := func(m MessageExt, limit int, reason error) {
		t.Helper()
		m.Flag, m.Properties = 7, list
		got, err := m.Message(limit)
		var failure *BodyError
		require.ErrorAs(t, err, &failure)
		require.ErrorIs(t, err, reason)
		require.Equal(t, m.SysFlag, failure.SysFlag)
		require.Equal(t, len(m.Body), failure.Size)
		require.Contains(t, err.Error(), "body of "+strconv.Itoa(len(m.Body))+" bytes")
		require.Equal(t, Message{Properties: list, Flag: 7}, got, "all but the body")
	}
	for _, c := range compressions {
		packed := compressed(t, c, plain)
		check(MessageExt{Body: packed, SysFlag: c.SysFlag(), Decompressed: DecompressedNone}, len(plain)-1, ErrBodyTooLarge)
		check(MessageExt{Body: packed[:len(packed)/2], SysFlag: c.SysFlag(), Decompressed: DecompressedNone}, 0, headers.ErrMalformed)
		// A client that has decompressed it after all.
		check(MessageExt{Body: []byte("plain"), SysFlag: c.SysFlag(), Decompressed: DecompressedNone}, 0, headers.ErrMalformed)
	}
	for _, client := range []Decompressed{DecompressedNone, DecompressedZlib} {
		check(MessageExt{Body: []byte("x"), SysFlag: headers.SysFlagCompressed | 5<<8, Decompressed: client}, 0, ErrCompressionType)
	}
	// Also where nothing is compressed: whoever forgets it learns so at the first message.
	for _, client := range []Decompressed{0, -1, DecompressedAll + 1} {
		check(MessageExt{Body: []byte("x"), Decompressed: client}, 0, ErrDecompressedUnset)
	}
}

func TestDefaultMaxBodySize(t *testing.T) {
	for size, reason := range map[int]error{DefaultMaxBodySize: nil, DefaultMaxBodySize + 1: ErrBodyTooLarge} {
		packed := compressed(t, body.Zstd, make([]byte, size))
		_, err := MessageExt{Body: packed, SysFlag: body.Zstd.SysFlag(), Decompressed: DecompressedNone}.Message(0)
		require.ErrorIs(t, err, reason)
	}
}

func TestPropertiesFromOtherForms(t *testing.T) {
	want := []headers.Property{{Name: "KEYS", Value: "k"}, {Name: "a", Value: "b\x01c"}, {Name: "z", Value: "é"}}
	require.Equal(t, want, ParseProperties("KEYS\x01k\x02a\x01b\x01c\x02none\x02\x01\x02z\x01é"))
	require.Equal(t, want, PropertiesOf(map[string]string{"z": "é", "a": "b\x01c", "KEYS": "k"}))
	require.Empty(t, ParseProperties(""))
	require.Empty(t, PropertiesOf(nil))
}
