// Package consumption runs candidates that consume against each other on one broker: how
// fast they consume and acknowledge what is stored, what that costs them and the broker,
// how soon they have a message of an idle topic, and what an idle subscription costs.
package consumption
