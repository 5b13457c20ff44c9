import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** QueryPlays are questions about messages and queues. */
final class QueryPlays {
    private QueryPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("query-by-key", QueryPlays::byKey);
        all.put("view-by-id", QueryPlays::byId);
        all.put("query-offsets", QueryPlays::offsets);
        all.put("create-topic", QueryPlays::topics);
    }

    private static List<String> query(DefaultMQProducer producer, String topic, String key, int most, long begin, long end) throws Exception {
        try {
            return producer.queryMessage(topic, key, most, begin, end).getMessageList().stream().map(Scene::body).sorted().collect(Collectors.toList());
        } catch (MQClientException e) {
            return Collections.singletonList("code " + e.getResponseCode());
        }
    }

    private static void byKey(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        for (int i = 0; i < 3; i++) {
            Message message = scene.message("asked-" + i);
            message.setKeys(List.of("shared", "own-" + i));
            producer.send(message);
        }
        long end = System.currentTimeMillis() + 60_000;
        scene.await("the index", () -> query(producer, scene.topic, "own-2", 32, 0, end).contains("asked-2"));
        scene.see("the shared key", query(producer, scene.topic, "shared", 32, 0, end));
        scene.see("own key", query(producer, scene.topic, "own-1", 32, 0, end));
        scene.see("no such key", query(producer, scene.topic, "none", 32, 0, end));
        scene.see("at most two", query(producer, scene.topic, "shared", 2, 0, end).size());
        scene.see("long ago", query(producer, scene.topic, "shared", 32, 0, 1_000));
        scene.see("no such topic", query(producer, scene.topic + "-none", "shared", 32, 0, end));
    }

    private static void byId(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        SendResult result = producer.send(scene.message("seen"));
        MessageExt byOffset = producer.viewMessage(scene.topic, result.getOffsetMsgId());
        scene.see("by the offset id", Scene.text(byOffset, true));
        scene.await("the index", () -> query(producer, scene.topic, "key-seen", 32, 0, Long.MAX_VALUE).contains("seen"));
        MessageExt byUnique = producer.viewMessage(scene.topic, result.getMsgId());
        scene.see("by the unique id", Scene.text(byUnique, true));
        scene.see("its id", byUnique.getMsgId().equals(result.getMsgId()));
        String nowhere = result.getOffsetMsgId().substring(0, 16) + "00000000FFFFFFF0";
        scene.seeFailure("no such id", () -> producer.viewMessage(scene.topic, nowhere));
    }

    private static void offsets(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        MessageQueue queue = scene.queue(0);
        MessageQueue empty = scene.queue(1);
        long start = System.currentTimeMillis();
        scene.send(producer, 0, "a", "b");
        TimeUnit.MILLISECONDS.sleep(50);
        long between = System.currentTimeMillis();
        TimeUnit.MILLISECONDS.sleep(50);
        scene.send(producer, 0, "c");
        scene.stored(scene.topic, 3);
        scene.see("first", producer.minOffset(queue));
        scene.see("next", producer.maxOffset(queue));
        scene.see("between", producer.searchOffset(queue, between));
        scene.see("before", producer.searchOffset(queue, start - 60_000));
        scene.see("after", producer.searchOffset(queue, System.currentTimeMillis() + 60_000));
        long earliest = producer.earliestMsgStoreTime(queue);
        scene.see("earliest", earliest >= start - 1_000 && earliest < between);
        scene.see("first of the empty one", producer.minOffset(empty));
        scene.see("next of the empty one", producer.maxOffset(empty));
        scene.see("found in the empty one", producer.searchOffset(empty, between));
        scene.see("earliest of the empty one", producer.earliestMsgStoreTime(empty));
    }

    private static void topics(Scene scene) throws Exception {
        // Topics have attributes, the last parameter, from 5.0 on.
        Scene.call(scene.admin, "createTopic", "TBW102", scene.topic, 3, 0, Collections.emptyMap());
        scene.await("the topic", () -> scene.queues(scene.topic).size() == 3);
        DefaultMQProducer producer = scene.producer();
        scene.see("queues to write", producer.fetchPublishMessageQueues(scene.topic).size());
        scene.see("sent", producer.send(scene.message("in-it")).getSendStatus().name());
    }
}
