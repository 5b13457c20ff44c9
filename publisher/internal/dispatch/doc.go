// Package dispatch is the engine of a Publisher: it decides when a message is sent,
// together with which others, to which queue, and how often. How a request looks and
// how it gets to a broker is for its Sender to know.
//
// A Call, with one Message for each that was handed over together, goes to the
// accumulator of its topic. There each message stands in a lane, in the row of those
// that wait, until a sender takes it into a batch. A batch makes one Attempt after
// another, until its messages have their results.
//
// A message is in one of three states. Waiting: it stands in a lane's row. Sending: a
// batch has it. Done: its result is final, and who still has it passes it over. The
// mutex of the accumulator guards the state and all that hangs on it.
package dispatch
