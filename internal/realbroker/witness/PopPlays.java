import java.util.Map;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.common.message.MessageExt;

/** PopPlays are push consumers that pop, as the broker assigns it. */
final class PopPlays {
    private PopPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("pop-clustering", PopPlays::clustering);
        all.put("pop-retry", PopPlays::retry);
        all.put("pop-orderly", PopPlays::orderly);
    }

    private static DefaultMQPushConsumer consumer(Scene scene) throws Exception {
        scene.masters.requestPop(scene.topic, scene.group, 0);
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        // From 5.0 on.
        Scene.call(consumer, "setClientRebalance", false);
        consumer.subscribe(scene.topic, "*");
        return consumer;
    }

    /** Two members, each message to one of them. */
    private static void clustering(Scene scene) throws Exception {
        scene.createTopic(4);
        Taken taken = new Taken();
        for (int i = 0; i < 2; i++) {
            DefaultMQPushConsumer consumer = consumer(scene);
            Listeners.concurrently(consumer, taken, 0);
            scene.start(consumer);
        }
        for (int queue = 0; queue < 4; queue++) {
            scene.send(scene.producer(), queue, "queue-" + queue + "-a", "queue-" + queue + "-b");
        }
        scene.await("all messages", () -> taken.size() >= 8);
        scene.see("taken", taken.bodies());
        MessageExt one = taken.list().stream().filter(m -> Scene.body(m).equals("queue-2-b")).findFirst().get();
        scene.see("one", Scene.text(one, true));
    }

    private static void retry(Scene scene) throws Exception {
        scene.createTopic(1);
        Taken taken = new Taken((message, times) -> times > 1);
        DefaultMQPushConsumer consumer = consumer(scene);
        Listeners.concurrently(consumer, taken, 0);
        scene.start(consumer);
        scene.send(scene.producer(), 0, "fails-once");
        scene.await("two deliveries", () -> taken.size() >= 2);
        for (MessageExt message : taken.list()) {
            scene.see("delivered", Scene.text(message, false));
        }
    }

    private static void orderly(Scene scene) throws Exception {
        scene.createTopic(1);
        scene.send(scene.producer(), 0, "one", "two", "three");
        Taken taken = new Taken();
        DefaultMQPushConsumer consumer = consumer(scene);
        Listeners.orderly(consumer, taken);
        scene.start(consumer);
        scene.await("all messages", () -> taken.size() >= 3);
        scene.see("taken", taken.inQueue(0));
    }
}
