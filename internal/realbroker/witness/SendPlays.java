import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;

/** SendPlays are the ways to send. */
final class SendPlays {
    private SendPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("send-sync", SendPlays::sync);
        all.put("send-async", SendPlays::async);
        all.put("send-oneway", SendPlays::oneway);
        all.put("send-batch", SendPlays::batch);
        all.put("send-to-queue", SendPlays::toQueue);
        all.put("send-by-hash", SendPlays::byHash);
        all.put("send-with-timeout", SendPlays::withTimeout);
        all.put("send-by-level", SendPlays::byLevel);
        all.put("send-timer", SendPlays::timer);
        all.put("send-recall", SendPlays::recall);
        all.put("send-compressed", SendPlays::compressed);
        all.put("send-properties", SendPlays::properties);
        all.put("send-refused", SendPlays::refused);
        all.put("send-creates-topic", SendPlays::createsTopic);
        all.put("send-namespace", SendPlays::namespace);
    }

    private static void sync(Scene scene) throws Exception {
        scene.createTopic(4);
        DefaultMQProducer producer = scene.producer();
        for (int i = 0; i < 3; i++) {
            scene.see("sent", producer.send(scene.message("sync-" + i)));
        }
        scene.seeStored(scene.topic, 3, false);
    }

    /** Callback keeps the outcome of a send. */
    private static final class Callback implements SendCallback {
        final CountDownLatch called = new CountDownLatch(1);
        final AtomicReference<SendResult> result = new AtomicReference<>();
        final AtomicReference<Throwable> failure = new AtomicReference<>();

        @Override
        public void onSuccess(SendResult r) {
            result.set(r);
            called.countDown();
        }

        @Override
        public void onException(Throwable e) {
            failure.set(e);
            called.countDown();
        }

        SendResult await() throws Exception {
            if (!called.await(Scene.PATIENCE_MS, TimeUnit.MILLISECONDS) || failure.get() != null) {
                throw new IllegalStateException("no result", failure.get());
            }
            return result.get();
        }
    }

    private static void async(Scene scene) throws Exception {
        scene.createTopic(4);
        DefaultMQProducer producer = scene.producer();
        List<Callback> callbacks = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            callbacks.add(new Callback());
            producer.send(scene.message("async-" + i), callbacks.get(i));
        }
        callbacks.add(new Callback());
        producer.send(scene.message("async-to-queue"), scene.queue(3), callbacks.get(3));
        callbacks.add(new Callback());
        producer.send(scene.message("async-by-hash"), new SelectMessageQueueByHash(), "key", callbacks.get(4));
        List<Message> batch = new ArrayList<>();
        batch.add(scene.message("async-batch-0"));
        batch.add(scene.message("async-batch-1"));
        callbacks.add(new Callback());
        producer.send(batch, callbacks.get(5));
        for (Callback callback : callbacks) {
            scene.see("sent", callback.await().getSendStatus().name());
        }
        scene.seeStored(scene.topic, 7, false);
    }

    private static void oneway(Scene scene) throws Exception {
        scene.createTopic(4);
        DefaultMQProducer producer = scene.producer();
        producer.sendOneway(scene.message("oneway"));
        producer.sendOneway(scene.message("oneway-to-queue"), scene.queue(1));
        producer.sendOneway(scene.message("oneway-by-hash"), new SelectMessageQueueByHash(), "key");
        scene.seeStored(scene.topic, 3, false);
    }

    private static void batch(Scene scene) throws Exception {
        scene.createTopic(2);
        DefaultMQProducer producer = scene.producer();
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            batch.add(scene.message("batch-" + i));
        }
        batch.get(1).setTags("other");
        SendResult result = producer.send(batch, scene.queue(1));
        scene.see("sent", result);
        scene.see("offset ids", result.getOffsetMsgId().split(",").length);
        scene.seeStored(scene.topic, 3, true);
        scene.seeFailure("of two topics", () -> {
            List<Message> mixed = new ArrayList<>();
            mixed.add(scene.message("one"));
            mixed.add(new Message(scene.topic + "-other", "two".getBytes(StandardCharsets.UTF_8)));
            return producer.send(mixed);
        });
    }

    private static void toQueue(Scene scene) throws Exception {
        scene.createTopic(4);
        DefaultMQProducer producer = scene.producer();
        for (int i = 0; i < 3; i++) {
            scene.see("sent", producer.send(scene.message("queue-" + i), scene.queue(2)));
        }
        scene.seeStored(scene.topic, 3, true);
        scene.seeFailure("no such queue", () -> producer.send(scene.message("nowhere"), scene.queue(9)));
    }

    private static void byHash(Scene scene) throws Exception {
        scene.createTopic(4);
        DefaultMQProducer producer = scene.producer();
        for (int i = 0; i < 8; i++) {
            scene.see("sent", producer.send(scene.message("hash-" + i), new SelectMessageQueueByHash(), "order-" + i % 5));
        }
        scene.seeStored(scene.topic, 8, true);
    }

    private static void withTimeout(Scene scene) throws Exception {
        scene.createTopic(4);
        DefaultMQProducer producer = scene.producer();
        scene.see("sent", producer.send(scene.message("timeout"), 60_000));
        scene.see("sent", producer.send(scene.message("timeout-to-queue"), scene.queue(1), 60_000).getSendStatus().name());
        scene.see("sent", producer.send(scene.message("timeout-by-hash"), new SelectMessageQueueByHash(), "key", 60_000).getSendStatus().name());
        scene.see("sent", producer.send(Collections.singletonList(scene.message("timeout-batch")), 60_000).getSendStatus().name());
        scene.seeStored(scene.topic, 4, false);
    }

    private static void byLevel(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        for (int level = 1; level <= 2; level++) {
            Message message = scene.message("level-" + level);
            message.setDelayTimeLevel(level);
            scene.see("sent", producer.send(message).getSendStatus().name());
        }
        seeLate(scene, 2, 1000);
    }

    /**
     * Notes what is stored, and whether each was stored at least that much after it was made, by body: a broker that has
     * stood still delivers what is due in any order.
     */
    private static void seeLate(Scene scene, int expect, long least) throws Exception {
        List<MessageExt> messages = scene.stored(scene.topic, expect);
        messages.sort(Comparator.comparing(Scene::body));
        for (MessageExt message : messages) {
            long late = message.getStoreTimestamp() - message.getBornTimestamp();
            scene.see("delivered", Scene.text(message, true) + " late " + (late >= least));
        }
    }

    private static void timer(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        Message after = scene.message("after");
        MessageAccessor.putProperty(after, "TIMER_DELAY_MS", "1500");
        scene.see("sent", producer.send(after).getSendStatus().name());
        Message seconds = scene.message("seconds");
        MessageAccessor.putProperty(seconds, "TIMER_DELAY_SEC", "4");
        scene.see("sent", producer.send(seconds).getSendStatus().name());
        Message at = scene.message("to-time"); // a broker that comes to it after that time stores it as any message
        MessageAccessor.putProperty(at, "TIMER_DELIVER_MS", Long.toString(System.currentTimeMillis() + 20_000));
        scene.see("sent", producer.send(at).getSendStatus().name());
        Message far = scene.message("too-far");
        MessageAccessor.putProperty(far, "TIMER_DELAY_SEC", Integer.toString(4 * 24 * 3600));
        scene.seeFailure("too far ahead", () -> producer.send(far));
        seeLate(scene, 3, 500);
    }

    /** Brokers do not recall unless they are told to. */
    private static void recall(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        Message message = scene.message("recalled");
        MessageAccessor.putProperty(message, "TIMER_DELAY_SEC", "5");
        SendResult result = producer.send(message);
        String handle = (String) Scene.call(result, "getRecallHandle");
        scene.see("has a handle", handle != null);
        scene.seeFailure("recall", () -> Scene.call(producer, "recallMessage", scene.topic, handle));
    }

    private static void compressed(Scene scene) throws Exception {
        scene.createTopic(1);
        for (String type : List.of("ZLIB", "LZ4", "ZSTD")) {
            DefaultMQProducer producer = new DefaultMQProducer(scene.group + type, scene.hook());
            java.lang.reflect.Method set = Witness.methodOf(producer, "setCompressType");
            set.invoke(producer, Witness.constant(set.getParameterTypes()[0], type));
            scene.start(producer);
            Message message = new Message(scene.topic, type, Witness.padded(type, 20_000));
            scene.see("sent", producer.send(message));
        }
        for (MessageExt message : scene.stored(scene.topic, 3)) {
            scene.see("stored", Scene.text(message, true) + " of " + message.getStoreSize() + " body sum " + message.getBodyCRC());
        }
    }

    private static void properties(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        Message message = new Message(scene.topic, "größe", "a b c", 77, "Körper".getBytes(StandardCharsets.UTF_8), false);
        message.putUserProperty("schlüssel", "wert mit \"zeichen\" \\ und 漢字 🚀");
        message.setBuyerId("buyer");
        scene.see("sent", producer.send(message));
        Message bare = new Message(scene.topic, "bare".getBytes(StandardCharsets.UTF_8));
        scene.see("sent", producer.send(bare));
        scene.seeStored(scene.topic, 2, true);
    }

    private static void refused(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.producer();
        producer.setMaxMessageSize(16 << 20);
        producer.setCompressMsgBodyOverHowmuch(16 << 20);
        producer.setRetryTimesWhenSendFailed(0);
        scene.seeFailure("too large", () -> producer.send(new Message(scene.topic, new byte[5 << 20])));
        scene.seeFailure("too many properties", () -> {
            Message message = scene.message("properties");
            message.putUserProperty("long", new String(new char[40_000]).replace('\0', 'x'));
            return producer.send(message);
        });
        scene.seeFailure("empty", () -> producer.send(new Message(scene.topic, new byte[0])));
        scene.seeFailure("bad name", () -> producer.send(new Message("a topic", new byte[1])));
        scene.seeFailure("system topic", () -> producer.send(new Message("SCHEDULE_TOPIC_XXXX", new byte[1])));
        scene.see("stored", scene.stored(scene.topic, 0).size());
    }

    private static void createsTopic(Scene scene) throws Exception {
        DefaultMQProducer producer = scene.producer();
        scene.see("sent", producer.send(scene.message("first")));
        scene.await("the topic", () -> !scene.queues(scene.topic).isEmpty());
        scene.see("queues", scene.queues(scene.topic).size());
        scene.seeStored(scene.topic, 1, false);
    }

    private static void namespace(Scene scene) throws Exception {
        scene.createTopic("space%" + scene.topic, 2);
        DefaultMQProducer producer = new DefaultMQProducer(scene.group, scene.hook());
        producer.setNamespace("space");
        scene.start(producer);
        scene.see("sent", producer.send(scene.message("in-space")));
        scene.seeStored("space%" + scene.topic, 1, false);
    }
}
