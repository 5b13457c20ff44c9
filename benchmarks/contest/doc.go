// Package contest runs candidates against each other: each in a process of its
// own, in rounds in which all of a case take turns, against a null broker and a
// real one. After every measurement it checks that the broker has stored what was
// acknowledged. At the end it holds the results against the targets.
package contest
