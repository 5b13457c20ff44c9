package control_test

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

// A test in any language has the next send answered with SYSTEM_BUSY.
func Example() {
	cluster, err := embedded.Start(embedded.WithTopic("orders", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	fault := `{"kind":"answer","code":"SYSTEM_BUSY","requests":["SEND"],"times":1}`
	answer, err := http.Post(server.URL()+"v1/faults", "application/json", strings.NewReader(fault))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	// Output: 201 Created
}
