import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** RetryPlays are messages that fail. */
final class RetryPlays {
    private static final String DEAD_LETTERS = "%DLQ%";
    private static final String RETRIES = "%RETRY%";

    private RetryPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("retry-by-level", RetryPlays::byLevel);
        all.put("retry-by-default", RetryPlays::byDefault);
        all.put("retry-part-of-batch", RetryPlays::partOfBatch);
        all.put("dead-letter", RetryPlays::deadLetter);
        all.put("dead-letter-at-once", RetryPlays::deadLetterAtOnce);
        all.put("dead-letter-orderly", RetryPlays::deadLetterOrderly);
    }

    /**
     * Creates the topic, and that of retries: clients ask for its route before brokers create it, and then need up to
     * half a minute to ask again.
     */
    private static void createTopics(Scene scene) throws Exception {
        scene.createTopic(1);
        scene.createTopic(RETRIES + scene.group, 1);
    }

    private static DefaultMQPushConsumer failing(Scene scene, Taken taken, int level) throws Exception {
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "*");
        Listeners.concurrently(consumer, taken, level);
        return consumer;
    }

    private static void see(Scene scene, Taken taken) {
        for (MessageExt message : taken.list()) {
            scene.see("delivered", Scene.text(message, false));
        }
    }

    /** Level 1 is a second, level 2 five. */
    private static void byLevel(Scene scene) throws Exception {
        createTopics(scene);
        Taken taken = new Taken((message, times) -> times > 2);
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            context.setDelayLevelWhenNextConsume(messages.get(0).getReconsumeTimes() + 1);
            return taken.take(messages.get(0)) ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS : ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        scene.start(consumer);
        scene.send(scene.producer(), 0, "fails-twice");
        scene.await("three deliveries", () -> taken.size() >= 3);
        see(scene, taken);
        scene.see("after a second", taken.apart(0, 1, 1_000));
        scene.see("after five seconds", taken.apart(1, 2, 5_000));
        scene.commit(1, scene.topic, consumer);
        scene.commit(2, RETRIES + scene.group, consumer);
        scene.see("committed", scene.committed(scene.group, scene.topic));
    }

    /** Brokers begin with level 3, ten seconds. */
    private static void byDefault(Scene scene) throws Exception {
        createTopics(scene);
        Taken taken = new Taken((message, times) -> times > 1);
        scene.start(failing(scene, taken, 0));
        scene.send(scene.producer(), 0, "fails-once");
        scene.await("two deliveries", () -> taken.size() >= 2);
        see(scene, taken);
        scene.see("after ten seconds", taken.apart(0, 1, 10_000));
    }

    /** The listener takes a batch of four, and says that only the first two of it succeeded. */
    private static void partOfBatch(Scene scene) throws Exception {
        createTopics(scene);
        DefaultMQProducer producer = scene.producer();
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            batch.add(scene.message("part-" + i));
        }
        producer.send(batch);
        scene.stored(scene.topic, 4);
        List<String> lists = Collections.synchronizedList(new ArrayList<>());
        Taken taken = new Taken();
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.setConsumeMessageBatchMaxSize(4);
        consumer.subscribe(scene.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            context.setDelayLevelWhenNextConsume(1);
            if (messages.get(0).getReconsumeTimes() == 0) {
                lists.add(messages.stream().map(Scene::body).collect(Collectors.joining(" ")));
                context.setAckIndex(1);
            }
            messages.forEach(taken::take);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        scene.start(consumer);
        scene.await("six deliveries", () -> taken.size() >= 6);
        scene.see("lists", lists);
        scene.see("delivered", taken.bodies());
    }

    private static void seeDead(Scene scene) throws Exception {
        scene.seeStored(DEAD_LETTERS + scene.group, 1, true);
        scene.see("queues", scene.queues(DEAD_LETTERS + scene.group).size());
    }

    private static void deadLetter(Scene scene) throws Exception {
        createTopics(scene);
        Taken taken = new Taken((message, times) -> false);
        DefaultMQPushConsumer consumer = failing(scene, taken, 1);
        consumer.setMaxReconsumeTimes(2);
        scene.start(consumer);
        scene.send(scene.producer(), 0, "fails");
        seeDead(scene);
        see(scene, taken);
    }

    private static void deadLetterAtOnce(Scene scene) throws Exception {
        scene.createTopic(1);
        Taken taken = new Taken((message, times) -> false);
        scene.start(failing(scene, taken, -1));
        scene.send(scene.producer(), 0, "fails");
        seeDead(scene);
        see(scene, taken);
        scene.see("retry queues", scene.queues(RETRIES + scene.group).size());
    }

    private static void deadLetterOrderly(Scene scene) throws Exception {
        createTopics(scene);
        scene.send(scene.producer(), 0, "fails", "succeeds");
        Taken taken = new Taken((message, times) -> Scene.body(message).equals("succeeds"));
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.setMaxReconsumeTimes(2);
        consumer.subscribe(scene.topic, "*");
        Listeners.orderly(consumer, taken);
        scene.start(consumer);
        scene.await("the one behind it", () -> taken.bodies().contains("succeeds"));
        see(scene, taken);
        seeDead(scene);
    }
}
