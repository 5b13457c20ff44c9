import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullCallback;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** PullPlays are consumers that ask for messages. */
final class PullPlays {
    private PullPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("pull", PullPlays::pull);
        all.put("pull-waits", PullPlays::waits);
        all.put("lite-pull-subscribe", PullPlays::liteSubscribe);
        all.put("lite-pull-assign", PullPlays::liteAssign);
    }

    private static String text(PullResult result) {
        return result.getPullStatus() + " from " + result.getMinOffset() + " to " + result.getMaxOffset() + " next " + result.getNextBeginOffset() + " "
            + (result.getMsgFoundList() == null ? "" : bodies(result.getMsgFoundList()));
    }

    private static String bodies(List<MessageExt> messages) {
        return messages.stream().map(Scene::body).collect(Collectors.joining(" "));
    }

    private static void pull(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        for (int i = 0; i < 5; i++) {
            Message message = scene.message("pulled-" + i);
            message.setTags(i % 2 == 0 ? "even" : "odd");
            producer.send(message, scene.queue(1));
        }
        scene.stored(scene.topic, 5);
        DefaultMQPullConsumer consumer = scene.pull(scene.group);
        MessageQueue queue = scene.queue(1);
        scene.see("all", text(consumer.pull(queue, "*", 0, 32)));
        scene.see("two", text(consumer.pull(queue, "*", 1, 2)));
        scene.see("odd ones", text(consumer.pull(queue, "odd", 0, 32)));
        scene.see("of no such tag", text(consumer.pull(queue, "none", 0, 32)));
        scene.see("at the end", text(consumer.pull(queue, "*", 5, 32)));
        scene.see("behind the end", text(consumer.pull(queue, "*", 9, 32)));
        scene.see("of the empty queue", text(consumer.pull(scene.queue(0), "*", 0, 32)));
        scene.seeFailure("of no such queue", () -> text(consumer.pull(new MessageQueue(scene.topic, queue.getBrokerName(), 7), "*", 0, 32)));
        scene.see("committed before", consumer.fetchConsumeOffset(queue, true));
        consumer.updateConsumeOffset(queue, 3);
        consumer.getDefaultMQPullConsumerImpl().getOffsetStore().persist(queue);
        scene.await("committed", () -> consumer.getDefaultMQPullConsumerImpl().fetchConsumeOffset(queue, true) == 3);
        scene.see("committed after", scene.committed(scene.group, scene.topic));
        scene.await("all queues for the only member", () -> consumer.fetchMessageQueuesInBalance(scene.topic).size() == 2);
        CountDownLatch called = new CountDownLatch(1);
        AtomicReference<String> got = new AtomicReference<>();
        consumer.pull(queue, "*", 2, 32, new PullCallback() {
            @Override
            public void onSuccess(PullResult result) {
                got.set(text(result));
                called.countDown();
            }

            @Override
            public void onException(Throwable e) {
                got.set(e.toString());
                called.countDown();
            }
        });
        called.await(Scene.PATIENCE_MS, TimeUnit.MILLISECONDS);
        scene.see("called back with", got.get());
    }

    /** A pull at the end waits for the next message. */
    private static void waits(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        DefaultMQPullConsumer consumer = scene.pull(scene.group, c -> {
            // So long that the message comes in time. By default a broker holds a pull for 20 seconds.
            c.setBrokerSuspendMaxTimeMillis(Scene.PATIENCE_MS);
            c.setConsumerTimeoutMillisWhenSuspend(2 * Scene.PATIENCE_MS);
        });
        CountDownLatch called = new CountDownLatch(1);
        AtomicReference<String> got = new AtomicReference<>();
        MessageQueue queue = scene.queue(0);
        Thread puller = new Thread(() -> {
            try {
                got.set(text(consumer.pullBlockIfNotFound(queue, "*", 0, 32)));
            } catch (Exception e) {
                got.set(e.toString());
            }
            called.countDown();
        });
        puller.setDaemon(true);
        puller.start();
        TimeUnit.MILLISECONDS.sleep(300);
        scene.see("still waits", called.getCount() == 1);
        scene.send(producer, 0, "awaited");
        called.await(Scene.PATIENCE_MS, TimeUnit.MILLISECONDS);
        scene.see("got", got.get());
    }

    /** Polls until there are so many, and says which, sorted. */
    private static List<String> poll(Scene scene, DefaultLitePullConsumer consumer, int count) throws Exception {
        List<String> bodies = new ArrayList<>();
        scene.await(count + " messages", () -> {
            consumer.poll(200).forEach(message -> bodies.add(Scene.body(message)));
            return bodies.size() >= count;
        });
        Collections.sort(bodies);
        return bodies;
    }

    private static void liteSubscribe(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, "a-0", "a-1", "a-2");
        scene.send(producer, 1, "b-0", "b-1");
        DefaultLitePullConsumer first = scene.litePull(scene.group);
        first.subscribe(scene.topic, "*");
        scene.start(first);
        scene.see("polled", poll(scene, first, 5));
        scene.see("assigned", new java.util.TreeSet<>((Collection<?>) Scene.call(first, "assignment"))); // from 4.9.5 on
        first.commitSync();
        scene.await("committed", () -> scene.committed(scene.group, scene.topic) == 5);
        scene.see("committed", first.committed(scene.queue(0)));
        first.shutdown();
        scene.send(producer, 1, "later");
        DefaultLitePullConsumer second = scene.litePull(scene.group);
        second.subscribe(scene.topic, "*");
        scene.start(second);
        scene.see("goes on with", poll(scene, second, 1));
    }

    private static void liteAssign(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, "a-0", "a-1", "a-2");
        long between = System.currentTimeMillis() + 20;
        TimeUnit.MILLISECONDS.sleep(40);
        scene.send(producer, 0, "a-3", "a-4");
        scene.send(producer, 1, "b-0");
        scene.stored(scene.topic, 6);
        DefaultLitePullConsumer consumer = scene.litePull(scene.group);
        scene.start(consumer);
        scene.see("queues", consumer.fetchMessageQueues(scene.topic).size());
        MessageQueue queue = scene.queue(0);
        consumer.assign(Collections.singletonList(queue));
        scene.see("from the beginning", poll(scene, consumer, 5));
        consumer.seek(queue, 3);
        scene.see("from 3", poll(scene, consumer, 2));
        consumer.seekToBegin(queue);
        scene.see("from the beginning again", poll(scene, consumer, 5));
        long offset = consumer.offsetForTimestamp(queue, between);
        scene.see("at the time", offset);
        consumer.seek(queue, offset);
        scene.see("from the time", poll(scene, consumer, 2));
        consumer.seekToEnd(queue);
        scene.send(producer, 0, "a-5");
        scene.see("from the end", poll(scene, consumer, 1));
        consumer.assign(Collections.singletonList(scene.queue(1)));
        scene.see("of the other queue", poll(scene, consumer, 1));
    }
}
