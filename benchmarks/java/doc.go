// Package java runs the official Java client as a candidate: Peer.java and Consumer.java,
// compiled against the jars that the launcher of real brokers fetches.
package java
