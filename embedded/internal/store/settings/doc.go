// Package settings reads and writes what a broker knows beside its messages, in RocketMQ's
// JSON files: topics, consumer groups, their offsets, and how far delayed messages were
// delivered (TopicConfigManager, SubscriptionGroupManager, ConsumerOffsetManager and
// ScheduleMessageService of 4.9.7 and 5.5.0). What a file has besides is kept when it is
// written again.
package settings
