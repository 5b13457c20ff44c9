// Package session is what one client holds with one cluster, and may lend to others:
// one connection for each server, one cache of routes, and one heartbeat that speaks for
// all of its members.
//
// A Session is made by a publisher or a subscriber for itself alone, or by
// rocketmq.Connect for any number of them. In both cases each of them is a Member. What
// a member does ends with the member, and what all have in common ends with the Session.
//
// The package knows nothing of messages, topics of Watermill, or what a producer and a
// consumer do.
package session
