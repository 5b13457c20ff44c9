import java.util.Map;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** PushPlays are push consumers whose messages do not fail for good. */
final class PushPlays {
    private PushPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("push-clustering", PushPlays::clustering);
        all.put("push-broadcasting", PushPlays::broadcasting);
        all.put("push-orderly", PushPlays::orderly);
        all.put("push-tags", PushPlays::tags);
        all.put("push-sql", PushPlays::sql);
        all.put("push-leaves", PushPlays::leaves);
    }

    private static DefaultMQPushConsumer member(Scene scene, Taken taken) throws Exception {
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "*");
        Listeners.concurrently(consumer, taken, 1);
        return consumer;
    }

    private static String[] bodies(int queue, int count) {
        String[] bodies = new String[count];
        for (int i = 0; i < count; i++) {
            bodies[i] = "queue-" + queue + "-number-" + i;
        }
        return bodies;
    }

    /** Two members share four queues: each message goes to one of them. */
    private static void clustering(Scene scene) throws Exception {
        scene.createTopic(4);
        Taken first = new Taken();
        Taken second = new Taken();
        DefaultMQPushConsumer one = member(scene, first);
        DefaultMQPushConsumer two = member(scene, second);
        scene.start(one);
        scene.start(two);
        scene.await("two queues each", () -> Listeners.queues(one, scene.topic) == 2 && Listeners.queues(two, scene.topic) == 2);
        DefaultMQProducer producer = scene.producer();
        for (int queue = 0; queue < 4; queue++) {
            scene.send(producer, queue, bodies(queue, 3));
        }
        scene.await("all messages", () -> first.size() + second.size() >= 12);
        scene.see("the first", first.bodies());
        scene.see("the second", second.bodies());
        for (MessageExt message : first.list().subList(0, 1)) {
            scene.see("it is", Scene.text(message, false).replaceAll("number-[0-9]|queue-[0-9]", ""));
        }
        scene.commit(12, scene.topic, one, two);
        one.shutdown();
        two.shutdown();
        scene.see("committed", scene.committed(scene.group, scene.topic));
    }

    /** The member that is left takes over the queues of the one that leaves, and goes on where that was. */
    private static void leaves(Scene scene) throws Exception {
        scene.createTopic(4);
        Taken first = new Taken();
        Taken second = new Taken();
        DefaultMQPushConsumer one = member(scene, first);
        DefaultMQPushConsumer two = member(scene, second);
        scene.start(one);
        scene.start(two);
        scene.await("two queues each", () -> Listeners.queues(one, scene.topic) == 2 && Listeners.queues(two, scene.topic) == 2);
        DefaultMQProducer producer = scene.producer();
        for (int queue = 0; queue < 4; queue++) {
            scene.send(producer, queue, bodies(queue, 2));
        }
        scene.await("all messages", () -> first.size() + second.size() >= 8);
        scene.commit(8, scene.topic, one, two);
        two.shutdown();
        scene.await("four queues", () -> Listeners.queues(one, scene.topic) == 4);
        for (int queue = 0; queue < 4; queue++) {
            scene.send(producer, queue, "after-" + queue);
        }
        scene.await("what came after", () -> first.size() + second.size() >= 12);
        scene.see("the one that left", second.size());
        scene.see("the other", first.bodies());
    }

    private static void broadcasting(Scene scene) throws Exception {
        scene.createTopic(2);
        Taken first = new Taken();
        Taken second = new Taken();
        DefaultMQPushConsumer one = member(scene, first);
        DefaultMQPushConsumer two = member(scene, second);
        for (DefaultMQPushConsumer consumer : new DefaultMQPushConsumer[] {one, two}) {
            Listeners.broadcasting(consumer);
            scene.start(consumer);
            scene.await("its queues", () -> Listeners.queues(consumer, scene.topic) == 2);
        }
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, bodies(0, 3));
        scene.send(producer, 1, bodies(1, 3));
        scene.await("all messages for each", () -> first.size() >= 6 && second.size() >= 6);
        scene.see("the first", first.bodies());
        scene.see("the second", second.bodies());
        one.shutdown();
        two.shutdown();
        scene.see("committed", scene.committed(scene.group, scene.topic));
    }

    /** One message of each queue fails twice, and the others wait for it. */
    private static void orderly(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        scene.send(producer, 0, bodies(0, 5));
        scene.send(producer, 1, bodies(1, 5));
        Taken taken = new Taken((message, times) -> !Scene.body(message).endsWith("2") || times > 2);
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "*");
        Listeners.orderly(consumer, taken);
        scene.start(consumer);
        scene.await("all messages", () -> taken.size() >= 14);
        scene.see("queue 0", taken.inQueue(0));
        scene.see("queue 1", taken.inQueue(1));
        scene.commit(10, scene.topic, consumer);
    }

    private static void tags(Scene scene) throws Exception {
        scene.createTopic(1);
        Taken taken = new Taken();
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "a || b");
        Listeners.concurrently(consumer, taken, 1);
        scene.start(consumer);
        DefaultMQProducer producer = scene.producer();
        // The hash codes of Aa and BB are equal: the client looks at the tag itself.
        for (String tag : new String[] {"a", "c", "b", "Aa", "a"}) {
            Message message = scene.message("tagged-" + tag);
            message.setTags(tag);
            producer.send(message);
        }
        scene.await("what it subscribes to", () -> taken.size() >= 3);
        scene.see("taken", taken.bodies());
        consumer.shutdown();

        Taken hashed = new Taken();
        DefaultMQPushConsumer other = scene.push(scene.group + "-other");
        other.subscribe(scene.topic, "BB || c");
        Listeners.concurrently(other, hashed, 1);
        scene.start(other);
        scene.await("what the other subscribes to", () -> hashed.size() >= 1);
        scene.see("taken by the other", hashed.bodies());
    }

    /** Brokers take SQL92 with enablePropertyFilter. */
    private static void sql(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        for (int i = 0; i < 6; i++) {
            Message message = scene.message("priced-" + i);
            message.putUserProperty("price", Integer.toString(i));
            producer.send(message);
        }
        MessageSelector selector = MessageSelector.bySql("price BETWEEN 2 AND 5 AND price <> 4 AND TAGS IN ('tag', 'other')");
        Taken pulled = new Taken();
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, selector);
        Listeners.concurrently(consumer, pulled, 1);
        scene.start(consumer);
        Taken popped = new Taken();
        String group = scene.group + "-pop";
        scene.masters.requestPop(scene.topic, group, 0);
        DefaultMQPushConsumer popper = scene.push(group);
        Scene.call(popper, "setClientRebalance", false); // from 5.0 on
        popper.subscribe(scene.topic, selector);
        Listeners.concurrently(popper, popped, 1);
        scene.start(popper);
        scene.await("what they select", () -> pulled.size() >= 3 && popped.size() >= 3);
        scene.see("pulled", pulled.bodies());
        scene.see("popped", popped.bodies());
        scene.seeFailure("does not parse", () -> {
            DefaultMQPushConsumer bad = scene.push(scene.group + "-bad");
            bad.subscribe(scene.topic, MessageSelector.bySql("price >"));
            Listeners.concurrently(bad, new Taken(), 1);
            bad.start();
            return "started";
        });
    }
}
