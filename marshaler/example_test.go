package marshaler_test

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

func ExampleDefault() {
	msg := message.NewMessage("8c1f", nil)
	msg.Metadata.Set("name", "OrderPlaced")
	msg.Metadata.Set("note", "") // RocketMQ has no empty values
	msg.Metadata.Set("DELAY", "none")

	sent, err := marshaler.Default{}.Marshal("orders", msg)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range sent.Properties {
		fmt.Printf("%s = %s\n", p.Name, p.Value)
	}

	got, err := marshaler.Default{}.Unmarshal("orders", sent)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.UUID, got.Metadata, got.Payload == nil)
	// Output:
	// _watermill_message_uuid = 8c1f
	// KEYS = 8c1f
	// _wm_payload = nil
	// _wm_m_DELAY = none
	// _wm_m_note = %
	// name = OrderPlaced
	// 8c1f map[DELAY:none name:OrderPlaced note:] true
}

// Tagged makes a message's name its tag, which consumers filter by, so that nobody
// has to set MetadataTag. Everything else is left to Default.
type Tagged struct {
	marshaler.Default
}

func (m Tagged) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	out, err := m.Default.Marshal(topic, msg)
	if err != nil {
		return out, err
	}
	if name := msg.Metadata.Get("name"); name != "" {
		out.Properties = append(out.Properties, headers.Property{Name: headers.PropertyTags, Value: name})
	}
	return out, nil
}

func ExampleMarshaler() {
	msg := message.NewMessage("8c1f", []byte("{}"))
	msg.Metadata.Set("name", "OrderPlaced")

	var m marshaler.Marshaler = Tagged{}
	sent, err := m.Marshal("orders", msg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sent.Properties[len(sent.Properties)-1])
	// Output: {TAGS OrderPlaced}
}

func ExampleEscapeTopics() {
	topics := marshaler.EscapeTopics{}
	for _, topic := range []string{"orders-eu", "events.OrderPlaced", "TBW102"} {
		mapped, err := topics.MapTopic(topic)
		if err != nil {
			fmt.Println(err)
			continue
		}
		original, err := topics.UnmapTopic(mapped.Name, nil)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(mapped.Name, "is", original)
	}
	// Output:
	// orders-eu is orders-eu
	// _wm_events-2EOrderPlaced is events.OrderPlaced
	// marshaler: topic "TBW102": the name is reserved by RocketMQ
}

// What the Java client holds of a message: the body is decompressed, the properties
// are a map.
func ExampleReader() {
	topic, msg, err := marshaler.Reader{}.Read(marshaler.MessageExt{
		Topic: "_wm_shop-2Eorders", Body: []byte("two pizzas"), Decompressed: marshaler.DecompressedAll,
		Properties: marshaler.PropertiesOf(map[string]string{
			"UNIQ_KEY": "7F000001000100000000000000000001", "_watermill_message_uuid": "8c1f", "name": "OrderPlaced", "CLUSTER": "DefaultCluster",
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s %v %s\n", topic, msg.UUID, msg.Metadata, msg.Payload)

	// A body that is not what its system flag says.
	_, _, err = marshaler.Reader{MaxBodySize: 1 << 20}.Read(marshaler.MessageExt{
		Topic: "orders", Body: []byte("not LZ4"), SysFlag: headers.SysFlagCompressed | headers.SysFlagLZ4, Decompressed: marshaler.DecompressedZlib,
	})
	var body *marshaler.BodyError
	fmt.Println(errors.As(err, &body), errors.Is(err, headers.ErrMalformed), errors.Is(err, marshaler.ErrBodyTooLarge))
	// Output:
	// shop.orders 8c1f map[name:OrderPlaced] two pizzas
	// true true false
}

// Java programs know the topic as orders_created, so this one calls it that as well. Topics
// that would get the name of another are refused.
func ExampleDotTopics() {
	topics := marshaler.DotTopics{} // for publisher.Config.Topics and subscriber.Config.Topics
	for _, topic := range []string{"orders.created", "orders_created"} {
		mapped, err := topics.MapTopic(topic)
		fmt.Println(mapped.Name, err)
	}
	// Output:
	// orders_created <nil>
	//  marshaler: topic "orders_created": another topic has the same name in RocketMQ, or would have it
}

// Some topics have names that no rule makes. The others follow one.
func ExampleNewTopicTable() {
	topics, err := marshaler.NewTopicTable(map[string]string{
		"orders.created": "TRADE_ORDER_CREATED",
		"order_archive":  "order_archive", // which DotTopics would refuse
	}, marshaler.DotTopics{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, topic := range []string{"orders.created", "order_archive", "invoices.sent", "order.archive"} {
		mapped, err := topics.MapTopic(topic)
		fmt.Println(mapped.Name, err)
	}
	// Output:
	// TRADE_ORDER_CREATED <nil>
	// order_archive <nil>
	// invoices_sent <nil>
	//  marshaler: topic "order.archive": another topic has the same name in RocketMQ, or would have it
}
