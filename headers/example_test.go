package headers_test

import (
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// A request is appended to a buffer as one whole frame.
func ExampleAppendRequest() {
	properties := headers.AppendProperty(nil, headers.PropertyTags, "paid")
	properties = headers.AppendProperty(properties, headers.PropertyKeys, "order-1")
	request := headers.SendMessage{
		ProducerGroup:      "shop",
		Topic:              "orders",
		DefaultTopic:       "TBW102",
		DefaultTopicQueues: 4,
		BornTimestamp:      1795443154703,
		Properties:         properties,
	}
	frame, err := headers.AppendRequest(nil, headers.JSON, 7, false, &request, []byte("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d bytes\n%s\n", len(frame), frame[8:])
	// Output:
	// 293 bytes
	// {"code":310,"extFields":{"a":"shop","b":"orders","c":"TBW102","d":"4","e":"0","f":"0","g":"1795443154703","h":"0","i":"TAGS\u0001paid\u0002KEYS\u0001order-1\u0002","j":"0","k":"false","m":"false"},"flag":0,"language":"GO","opaque":7,"serializeTypeCurrentRPC":"JSON","version":513}hello
}

// A frame is read in two steps, its length first, since the length must be
// checked before memory is set aside for the rest.
func ExampleParseFrame() {
	frame, err := headers.AppendResponse(nil, headers.Binary, 7, headers.SystemBusy, "too many requests", nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	size, err := headers.FrameSize([headers.FrameLengthSize]byte(frame), headers.MaxFrameSize)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := headers.ParseFrame(frame[headers.FrameLengthSize : headers.FrameLengthSize+size])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.IsResponse(), answer.Opaque)
	fmt.Println(answer.Err())
	fmt.Println(errors.Is(answer.Err(), &headers.StatusError{Code: headers.SystemBusy}))
	// Output:
	// true 7
	// answered SYSTEM_BUSY (2): too many requests
	// true
}

func ExampleProperties() {
	for name, value := range headers.Properties([]byte("TAGS\x01paid\x02empty\x01\x02KEYS\x01order-1 order-2\x02")) {
		fmt.Printf("%s = %s\n", name, value)
	}
	fmt.Println(headers.Property{Name: "note", Value: "a\x02b"}.Check())
	// Output:
	// TAGS = paid
	// KEYS = order-1 order-2
	// message property "note" has a value that is not UTF-8 or holds a separator (0x01, 0x02)
}
