// Package check has the words of a preflight check: what a client of a RocketMQ
// cluster has found when it looked at all that it depends on. It looks at nothing by
// itself; publisher.Publisher.Check does, and returns a Report.
package check
