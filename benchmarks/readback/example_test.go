package readback_test

import (
	"fmt"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/readback"
)

// A message as rocketmq-client-go hands it to a consumer's function.
func ExampleFromMessageExt() {
	ext := &primitive.MessageExt{Message: primitive.Message{Topic: "_wm_shop-2Eorders", Body: []byte("two pizzas")}}
	ext.WithProperties(map[string]string{
		"UNIQ_KEY":                "7F000001000100000000000000000001",
		"_watermill_message_uuid": "8c1f",
		"KEYS":                    "8c1f",
		"name":                    "OrderPlaced",
		"CLUSTER":                 "DefaultCluster",
		"MIN_OFFSET":              "0",
	})
	topic, msg, err := readback.FromMessageExt(ext)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s %v %s\n", topic, msg.UUID, msg.Metadata, msg.Payload)
	// Output: shop.orders 8c1f map[name:OrderPlaced] two pizzas
}
