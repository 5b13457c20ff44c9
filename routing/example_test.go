package routing_test

import (
	"fmt"
	"log"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// An answer of a name server about a topic that is being made smaller: of 4 queues to
// read on broker-a 2 are still written, and broker-b has lost its master.
const shrinking = `{"queueDatas":[
	{"brokerName":"broker-a","perm":6,"readQueueNums":4,"writeQueueNums":2},
	{"brokerName":"broker-b","perm":6,"readQueueNums":1,"writeQueueNums":1}],
	"brokerDatas":[
	{"brokerName":"broker-a","cluster":"c","brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"}},
	{"brokerName":"broker-b","cluster":"c","brokerAddrs":{"1":"10.0.0.4:10911"}}]}`

// Publishers and subscribers see different queues of the same route.
func ExampleParseRoute() {
	route, err := routing.ParseRoute("orders", []byte(shrinking))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("to write:", len(route.WriteQueues()))
	fmt.Println("to read:", len(route.ReadQueues()))
	slave, _ := route.Replica("broker-b", routing.MasterID, false)
	fmt.Println("broker-b is read from", slave.Addr)
	// Output:
	// to write: 2
	// to read: 5
	// broker-b is read from 10.0.0.4:10911
}

// A key has one queue for all who go the same way.
func ExampleKeyHash() {
	route, err := routing.ParseRoute("orders", []byte(shrinking))
	if err != nil {
		log.Fatal(err)
	}
	queue, _ := routing.JavaHash.Queue(route, "order-42")
	fmt.Println(queue.BrokerName, queue.QueueID)
	// Output:
	// broker-a 1
}
