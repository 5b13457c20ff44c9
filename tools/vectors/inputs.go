package main

import (
	"fmt"
	"strings"
)

// routes are answers of a name server. Brokers are listed in the order of a hash
// table there, so the order differs.
var routes = []struct{ name, body string }{
	{"3 and 5 queues", route("", broker("broker-a", 3, 3, 6, true), broker("broker-b", 5, 5, 6, true))},
	{"5 and 3 queues, listed the other way round", route("", broker("broker-b", 5, 5, 6, true), broker("broker-a", 3, 3, 6, true))},
	{"one queue more", route("", broker("broker-a", 4, 4, 6, true), broker("broker-b", 5, 5, 6, true))},
	{"one broker gone", route("", broker("broker-b", 5, 5, 6, true))},
	{"one queue", route("", broker("broker-a", 1, 1, 6, true))},
	{"one broker is read-only, and one has no master", route("",
		broker("broker-d", 4, 4, 6, false), broker("broker-c", 2, 2, 4, true), broker("broker-b", 5, 5, 6, true), broker("broker-a", 3, 3, 6, true))},
	{"more queues to read than to write", route("", broker("broker-a", 8, 3, 6, true), broker("broker-b", 5, 5, 6, true))},
	{"more queues to write than to read", route("", broker("broker-a", 1, 3, 6, true), broker("broker-b", 5, 5, 6, true))},
	{"order topic", route("broker-b:2;broker-a:3", broker("broker-a", 3, 3, 6, true), broker("broker-b", 5, 5, 6, true))},
}

type brokerLines struct{ queue, broker string }

func broker(name string, read, write, perm int, master bool) brokerLines {
	id := "0"
	if !master {
		id = "1"
	}
	return brokerLines{
		queue:  fmt.Sprintf(`{"brokerName":%q,"perm":%d,"readQueueNums":%d,"topicSysFlag":0,"writeQueueNums":%d}`, name, perm, read, write),
		broker: fmt.Sprintf(`{"brokerAddrs":{%q:"127.0.0.1:1"},"brokerName":%q,"cluster":"DefaultCluster"}`, id, name),
	}
}

func route(order string, brokers ...brokerLines) string {
	var queues, datas []string
	for _, b := range brokers {
		queues, datas = append(queues, b.queue), append(datas, b.broker)
	}
	conf := ""
	if order != "" {
		conf = fmt.Sprintf(`"orderTopicConf":%q,`, order)
	}
	return fmt.Sprintf(`{"brokerDatas":[%s],"filterServerTable":{},%s"queueDatas":[%s]}`, strings.Join(datas, ","), conf, strings.Join(queues, ","))
}

// keys returns keys with hashes of all signs and sizes: String.hashCode of
// "polygenelubricants" is Integer.MIN_VALUE, those of "AaAa" and "BBBB" are equal.
// Every length up to 17 bytes makes SipHash end in another way.
func keys() []string {
	all := []string{
		" ", "\t", "0", "-", "null", "x y", "AaAa", "BBBB", "polygenelubricants", "DESIGNING WORKHOUSES",
		"Größe", "日本", "订单-42", "\u0000", "\uFFFD", "\U0001F600", "k\U0001F600", "\U0010FFFF", "e\u0301",
		strings.Repeat("long ", 60), strings.Repeat("\U0001F600", 20),
	}
	for n := 1; n <= 17; n++ {
		all = append(all, strings.Repeat("z", n))
	}
	for n := range 64 {
		all = append(all, fmt.Sprintf("order-%d", n))
	}
	return all
}
