// Command brokers compares the embedded broker with a real one: how fast it stores messages,
// at what cost, how long it takes to open a folder, and how much memory a message of a folder
// takes.
package main
