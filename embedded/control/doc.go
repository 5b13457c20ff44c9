// Package control shows what is in an embedded cluster, and lets faults happen to it: as a
// page for people, and as JSON over HTTP for tests in any language.
//
//	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
//	if err != nil {
//		return err
//	}
//	defer server.Close()
//	fmt.Println(server.URL()) // a browser shows the page, /v1/ has the JSON
//
// The requests and answers are in docs/control.md of this repository.
//
// Whoever reaches the port can read all messages and stop all brokers: there is no
// login. So it belongs on a loopback address, which Listen does not insist on. What web
// pages can do to it from the same machine is prevented: it answers only to the names
// of Config.Hosts, those of this machine and the address that it listens on, so that a foreign name which is made to lead
// here (DNS rebinding) is refused; it refuses what a page of another origin asks
// for; bodies have to be declared as JSON; and names and messages are text to the page,
// whose Content-Security-Policy allows no script but its own file.
package control
