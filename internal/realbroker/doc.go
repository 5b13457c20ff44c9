// Package realbroker starts real Apache RocketMQ servers for the tests of this
// module, without containers: it fetches the published jars with Maven, runs
// name servers and brokers as child processes on private loopback ports, and
// removes all of it at the end.
//
// A [Cluster] can be hurt in the ways that matter to a client (brokers killed,
// stopped, paused, started again on the same store), and a [Witness] tells what
// the official Java client sees in it, so that no test has to judge the code
// under test by itself. For the same reason the package imports nothing of this
// module. [Broker.RestartCommand] is a command line that kills and starts a broker,
// for suites that want one.
//
// [Witness.Consume] makes the Java client a member of a consumer group, [ClientGo] does
// the same with rocketmq-client-go, and methods of Cluster run mqadmin, which says how far
// a group is, who is in it, and what its dead letters are. [Shared] has the clusters that
// the tests of one package share.
//
// [Config].Brokers is the number of masters, [Config].Slaves gives each a slave, and
// [Config].NameServers is the number of name servers. [Config].ACL makes its brokers want signed requests, [Config].TLS gives its
// servers certificates. [Config].Proxy puts a RocketMQ Proxy in cluster mode beside
// the brokers: clients are given the address that [Cluster.Proxy] returns in place
// of the name servers'. Brokers have a VIP port, their own - 2, always. Whatever else a
// broker has to be switched on for goes into [Config].BrokerProps: recallMessageEnable,
// traceTopicEnable, enableShutdownGracefully, autoCreateTopicEnable=false.
//
// It needs Java 11 or later (a JDK) and Maven. [Require] skips a test where
// they are missing. The jars, about 95 MB a version, and as much again for a
// proxy, are fetched once into watermill-rocketmq under [os.UserCacheDir], or into
// the folder that the environment variable ROCKETMQ_JARS_DIR names.
package realbroker
