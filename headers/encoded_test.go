package headers_test

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var update = flag.Bool("update", false, "write testdata/encoded anew from what the encoder produces")

// fullSend has every field set, to a value of its own.
func fullSend() headers.SendMessage {
	return headers.SendMessage{
		ProducerGroup:        "group",
		Topic:                "topic",
		DefaultTopic:         "TBW102",
		DefaultTopicQueues:   4,
		QueueID:              5,
		SysFlag:              headers.SysFlagCompressed | headers.SysFlagZstd,
		BornTimestamp:        1795443154703,
		Flag:                 7,
		Properties:           []byte("UNIQ_KEY\x017F0000010001000000000000000000B1\x02quote\x01\"\\/\n\té\U0001F600\u2028\x02"),
		ReconsumeTimes:       9,
		UnitMode:             true,
		MaxReconsumeTimes:    11,
		HasMaxReconsumeTimes: true,
		BrokerName:           "broker-a",
	}
}

func fullBatch() headers.SendMessage {
	h := fullSend()
	h.Batch = true
	return h
}

// encodedFrames are frames whose bytes are pinned in testdata/encoded, so that
// no change of what goes over the wire passes unseen.
var encodedFrames = map[string]func(s headers.Serialization) ([]byte, error){
	"send": func(s headers.Serialization) ([]byte, error) {
		h := fullSend()
		return headers.AppendRequest(nil, s, 1, false, &h, []byte("body"))
	},
	"send_oneway": func(s headers.Serialization) ([]byte, error) {
		h := fullSend()
		return headers.AppendRequest(nil, s, -2147483648, true, &h, []byte("body"))
	},
	"send_batch": func(s headers.Serialization) ([]byte, error) {
		h := fullBatch()
		return headers.AppendRequest(nil, s, 2147483647, false, &h, []byte("body"))
	},
	"send_least": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendRequest(nil, s, 2, false, &headers.SendMessage{Topic: "topic"}, nil)
	},
	"send_negative": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendRequest(nil, s, 3, false, &headers.SendMessage{
			ProducerGroup: "group", Topic: "topic", DefaultTopic: "TBW102", DefaultTopicQueues: -1, QueueID: -2, SysFlag: -3,
			BornTimestamp: -4, Flag: -2147483648, ReconsumeTimes: -5, MaxReconsumeTimes: -6, HasMaxReconsumeTimes: true,
		}, nil)
	},
	"no_fields": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendRequest(nil, s, 4, false, command{code: headers.CodeHeartbeat}, []byte("{}"))
	},
	"pop_is_json": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendRequest(nil, s, 5, false, command{200050, headers.FieldList{{"topic", "t"}, {"empty", ""}, {"exp", "*"}}}, nil)
	},
	"heartbeat_in_json": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendRequest(nil, s, 8, false, headers.InJSON(command{headers.CodeHeartbeat, headers.FieldList{{"a", "1"}}}), []byte("{}"))
	},
	"answer_stored": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendResponse(nil, s, 6, headers.Success, "", &headers.SendResult{
			OffsetMessageID: "7F00000100002A9F00000000007FA132", QueueID: 1, QueueOffset: 1 << 40, TransactionID: "7F0000010001000000000000000000B1",
		}, nil)
	},
	"answer_error": func(s headers.Serialization) ([]byte, error) {
		return headers.AppendResponse(nil, s, 7, headers.TopicNotExist, "topic[a\"b] not exist\nsee\x00\x7f", nil, nil)
	},
}

func TestEncodedFrames(t *testing.T) {
	for name, encode := range encodedFrames {
		for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
			suffix := map[headers.Serialization]string{headers.JSON: "_json", headers.Binary: "_binary"}[s]
			t.Run(name+suffix, func(t *testing.T) {
				frame, err := encode(s)
				require.NoError(t, err)
				again, err := encode(s)
				require.NoError(t, err)
				require.Equal(t, frame, again, "same input, same bytes")

				path := filepath.Join("testdata", "encoded", name+suffix+".hex")
				if *update {
					require.NoError(t, os.WriteFile(path, []byte(hex.EncodeToString(frame)+"\n"), 0o644))
				}
				require.Equal(t, readHex(t, path), frame)
				_, err = decodeOracle(frame)
				require.NoError(t, err, "a decoder that is not ours reads it too")
			})
		}
	}
}

// What other decoders see in our frames: every field of SendMessage reaches the
// wire under its letter.
func TestEncodedSendFields(t *testing.T) {
	h := fullSend()
	want := map[string]string{
		"a": "group", "b": "topic", "c": "TBW102", "d": "4", "e": "5", "f": "513", "g": "1795443154703", "h": "7",
		"i": string(h.Properties), "j": "9", "k": "true", "l": "11", "m": "false", "n": "broker-a",
	}
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		frame, err := headers.AppendRequest(nil, s, 1, true, &h, []byte("body"))
		require.NoError(t, err)
		got, err := decodeOracle(frame)
		require.NoError(t, err)
		require.Equal(t, oracleFrame{
			Serialization: s.String(), Code: 310, Flag: 2, Opaque: 1, Version: 513, Language: "GO",
			Ext: want, HeaderSize: got.HeaderSize, Body: []byte("body"),
		}, got)
	}

	batch := fullBatch()
	frame, err := headers.AppendRequest(nil, headers.JSON, 1, false, &batch, nil)
	require.NoError(t, err)
	got, err := decodeOracle(frame)
	require.NoError(t, err)
	require.Equal(t, int32(320), got.Code)
	require.Equal(t, "true", got.Ext["m"])
}

// An empty value in a binary header is null to a Java peer, which then signs
// the text "null" when it checks an ACL signature.
func TestEncodedFieldsAreNeverEmpty(t *testing.T) {
	empty := []headers.FieldAppender{&headers.SendMessage{}, &headers.SendResult{}, headers.FieldList{{"a", ""}}}
	for _, fields := range empty {
		for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
			frame, err := headers.AppendResponse(nil, s, 1, headers.Success, "", fields, nil)
			require.NoError(t, err)
			got, err := decodeOracle(frame)
			require.NoError(t, err)
			for name, value := range got.Ext {
				require.NotEmpty(t, value, "%T field %s in %s", fields, name, s)
			}
		}
	}
}
