// Package topics has the words for topics and their creation: which settings a new
// topic gets, and what became of it. It has no code that speaks with a server: clients
// such as publisher.Publisher create topics.
package topics
