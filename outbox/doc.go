// Package outbox publishes Watermill messages if and only if a database
// transaction commits.
//
//	box, err := outbox.New(db, outbox.Config{Dialect: outbox.PostgreSQL})
//	pub, err := publisher.New(publisher.Config{
//		Cluster:       rocketmq.Cluster{NameServers: nameServers},
//		ProducerGroup: "shop",
//		Transaction:   publisher.TransactionConfig{Check: box.Check},
//	}, logger)
//
//	tx, err := box.Begin(ctx, pub, nil)
//	defer tx.Close()
//	_, err = tx.ExecContext(ctx, "UPDATE orders SET paid = true WHERE id = $1", id)
//	err = tx.Publish("orders.paid", msg)
//	err = tx.Commit()
//
// # A producer group of its own
//
// Two programs that share a producer group lose each other's messages. A broker
// asks any producer of the group about a half message, and the Check of a program
// with another table finds no row, so it rolls back a message whose database
// transaction has committed. Config.ProducerGroup is therefore required. Give every
// table a group of its own, "shop" here, with the same name in all processes that
// use the table, and in no other publisher.
//
// # How it works
//
// Publish stores a half message of a RocketMQ transaction, which no consumer gets,
// and then inserts a row with the message's id within the database transaction.
// Commit commits the database transaction and then the half messages. Whatever
// happens in between, the row tells what is right: when a broker asks about a half
// message, Check looks for its row.
//
//   - The row is there: the database transaction has committed. Commit.
//   - The row is not there: Check inserts a row of its own under the same key, a
//     tombstone, and commits it. A database transaction that is still running
//     cannot commit any more then: it fails on the key. Roll back.
//   - The database is busy or cannot be reached, or the row's transaction holds
//     its key locked: nothing is known. The broker asks again.
//
// So a process that is killed at any point loses no message of a committed
// transaction and invents none, provided that a program with the same producer
// group and the same database runs within the broker's limit of some eight minutes:
// it asks 15 times (transactionCheckMax), every 30 s (transactionCheckInterval),
// from 6 s on (transactionTimeOut). A message that nobody has settled by then goes
// to the topic TRANS_CHECK_MAX_TIME_TOPIC of RocketMQ, from where an operator has to
// bring it back; its id is in the property UNIQ_KEY, and the row says whether it
// ought to have been published.
//
// Delivery is at least once, as everywhere in RocketMQ: see
// publisher.Transaction.Commit for when a message may come twice.
//
// # What it asks for
//
// Check decides about every transaction of its producer group: see above. It reads
// what is committed: it must be given the primary database, not a replica, and not
// with the isolation level READ UNCOMMITTED. Rows must be kept for as long as a
// broker may ask: see Outbox.Clean.
//
// A message in an outbox cannot be delayed, and cannot have an ordering key: let the
// publisher's Config.OrderingKey return "" for it, or give outboxes a Publisher of
// their own. Publish returns an error that wraps a *publisher.CombinationError
// otherwise.
//
// Dialects: the tests run on SQLite, PostgreSQL and, for MySQL, on MariaDB with
// InnoDB. The statements are plain INSERT, SELECT and DELETE on one table and rely on
// one thing that all of them promise: of two transactions that insert the same primary
// key, one commits.
package outbox
