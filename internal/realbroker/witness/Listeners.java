import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;

/** Listeners hand what push consumers are given to what the case has taken. */
final class Listeners {
    private Listeners() {
    }

    /** What fails comes again at the delay level, 0 leaves that to the broker and -1 makes it a dead letter. */
    static void concurrently(DefaultMQPushConsumer consumer, Taken taken, int level) {
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            context.setDelayLevelWhenNextConsume(level);
            return taken.take(messages.get(0)) ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS : ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
    }

    /** What fails is tried again in its place after a fifth of a second. */
    static void orderly(DefaultMQPushConsumer consumer, Taken taken) {
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            context.setSuspendCurrentQueueTimeMillis(200);
            return taken.take(messages.get(0)) ? ConsumeOrderlyStatus.SUCCESS : ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
        });
    }

    static void broadcasting(DefaultMQPushConsumer consumer) throws Exception {
        // The enum moved between the versions.
        Class<?> model = consumer.getMessageModel().getClass();
        DefaultMQPushConsumer.class.getMethod("setMessageModel", model).invoke(consumer, Witness.constant(model, "BROADCASTING"));
    }

    /** How many queues a consumer works on, its retry queues not counted. */
    static long queues(DefaultMQPushConsumer consumer, String topic) {
        return consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet().stream()
            .filter(queue -> queue.getTopic().equals(topic)).count();
    }

    /** How many messages a consumer has pulled that its listener has not done with. */
    static long unconsumed(DefaultMQPushConsumer consumer, String topic) {
        return consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().entrySet().stream()
            .filter(queue -> queue.getKey().getTopic().equals(topic))
            .mapToLong(queue -> queue.getValue().getMsgCount().get()).sum();
    }
}
