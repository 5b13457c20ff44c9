// Package sql92 reads and evaluates the expressions that consumers select messages by, as
// brokers do (the module filter of RocketMQ 5.5.0, whose grammar is SelectorParser.jj).
//
// Properties are strings, or NULL if a message does not have them. Logic has three values.
// Some of what one may stumble over is as in RocketMQ: NOT binds tighter than a comparison,
// what follows a complete expression is not looked at, a number that the other side of a
// comparison cannot be read as selects nothing, whatever else the expression says.
package sql92
