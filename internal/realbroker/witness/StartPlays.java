import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;

/** StartPlays are where groups begin, and where they are put. */
final class StartPlays {
    private StartPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("consume-from-where", StartPlays::from);
        all.put("consume-goes-on", StartPlays::goesOn);
        all.put("reset-offset-while-consuming", StartPlays::resetWhileConsuming);
        all.put("reset-offset-of-nobody", StartPlays::resetOfNobody);
    }

    /** A new group in a topic with old messages. Brokers have clustering ones begin with the first of a young topic in any case. */
    private static void from(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, "old-a");
        scene.send(producer, 1, "old-b");
        scene.stored(scene.topic, 2);
        // Consume timestamps have seconds.
        TimeUnit.MILLISECONDS.sleep(1_100 - System.currentTimeMillis() % 1_000);
        String now = new SimpleDateFormat("yyyyMMddHHmmss").format(new Date());
        scene.send(producer, 0, "middle-a");
        scene.send(producer, 1, "middle-b");
        scene.stored(scene.topic, 4);
        ConsumeFromWhere[] places = {ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET,
            ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET, ConsumeFromWhere.CONSUME_FROM_TIMESTAMP};
        DefaultMQPushConsumer[] consumers = new DefaultMQPushConsumer[6];
        Taken[] taken = new Taken[6];
        for (int i = 0; i < 6; i++) {
            taken[i] = new Taken();
            DefaultMQPushConsumer consumer = consumers[i] = scene.push(scene.group + i);
            consumer.setConsumeFromWhere(places[i / 2]);
            consumer.setConsumeTimestamp(now);
            if (i % 2 == 1) {
                Listeners.broadcasting(consumer);
            }
            consumer.subscribe(scene.topic, "*");
            Listeners.concurrently(consumer, taken[i], 1);
            scene.start(consumer);
        }
        for (DefaultMQPushConsumer consumer : consumers) {
            scene.await("its queues", () -> Listeners.queues(consumer, scene.topic) == 2);
        }
        scene.send(producer, 0, "new-a");
        scene.send(producer, 1, "new-b");
        for (int i = 0; i < 6; i++) {
            DefaultMQPushConsumer consumer = consumers[i];
            Taken t = taken[i];
            scene.await("what is new", () -> t.bodies().contains("new-a") && t.bodies().contains("new-b"));
            // Its threads may be slower with what it pulled before.
            scene.await("the listener's end", () -> Listeners.unconsumed(consumer, scene.topic) == 0);
            scene.see(places[i / 2] + (i % 2 == 1 ? " broadcasting" : " clustering"), t.bodies());
        }
    }

    private static DefaultMQPushConsumer consume(Scene scene, Taken taken) throws Exception {
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "*");
        Listeners.concurrently(consumer, taken, 1);
        scene.start(consumer);
        return consumer;
    }

    private static void goesOn(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, "first");
        Taken first = new Taken();
        DefaultMQPushConsumer before = consume(scene, first);
        scene.await("the first", () -> first.size() >= 1);
        scene.commit(1, scene.topic, before);
        before.shutdown();
        scene.send(producer, 0, "second");
        scene.send(producer, 1, "third");
        Taken second = new Taken();
        consume(scene, second);
        scene.await("the others", () -> second.size() >= 2);
        scene.see("before", first.bodies());
        scene.see("after", second.bodies());
    }

    /** Sends messages before and after a time, which it returns. */
    private static long around(Scene scene) throws Exception {
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, "before-a", "before-b");
        scene.stored(scene.topic, 2);
        TimeUnit.MILLISECONDS.sleep(50);
        long between = System.currentTimeMillis();
        TimeUnit.MILLISECONDS.sleep(50);
        scene.send(producer, 0, "after-a", "after-b");
        scene.stored(scene.topic, 4);
        return between;
    }

    private static void resetWhileConsuming(Scene scene) throws Exception {
        scene.createTopic(1);
        long between = around(scene);
        Taken taken = new Taken();
        DefaultMQPushConsumer consumer = consume(scene, taken);
        scene.await("all messages", () -> taken.size() >= 4);
        // The reset has to move an offset.
        scene.commit(4, scene.topic, consumer);
        scene.see("moved to", scene.admin.resetOffsetByTimestamp(scene.topic, scene.group, between, true).values());
        scene.await("those after the time", () -> taken.size() >= 6);
        scene.see("taken", taken.bodies());
        scene.commit(4, scene.topic, consumer);
    }

    private static void resetOfNobody(Scene scene) throws Exception {
        scene.createTopic(1);
        long between = around(scene);
        Taken taken = new Taken();
        DefaultMQPushConsumer consumer = consume(scene, taken);
        scene.await("all messages", () -> taken.size() >= 4);
        scene.commit(4, scene.topic, consumer);
        consumer.shutdown();
        scene.see("moved to", scene.admin.resetOffsetByTimestamp(scene.topic, scene.group, between, true).values());
        scene.see("committed", scene.committed(scene.group, scene.topic));
        Taken again = new Taken();
        consume(scene, again);
        scene.await("those after the time", () -> again.size() >= 2);
        scene.see("taken", again.bodies());
    }
}
