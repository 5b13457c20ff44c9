import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** RequestPlays are requests that are replied to, or not. */
final class RequestPlays {
    private static final long TIMEOUT_MS = Scene.PATIENCE_MS;

    private RequestPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("request-sync", RequestPlays::sync);
        all.put("request-async", RequestPlays::async);
        all.put("request-timeout", RequestPlays::timeout);
    }

    private static void replier(Scene scene) throws Exception {
        DefaultMQProducer producer = scene.producer();
        DefaultMQPushConsumer consumer = scene.push(scene.group);
        consumer.subscribe(scene.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            try {
                byte[] body = ("reply to " + Scene.body(messages.get(0))).getBytes(StandardCharsets.UTF_8);
                Message reply = MessageUtil.createReplyMessage(messages.get(0), body);
                reply.putUserProperty("from", "replier");
                producer.send(reply);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            } catch (Exception e) {
                e.printStackTrace();
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
        });
        scene.start(consumer);
    }

    private static void see(Scene scene, Message reply) {
        scene.see("reply", Scene.text((MessageExt) reply, false));
    }

    private static void sync(Scene scene) throws Exception {
        scene.createTopic(2);
        replier(scene);
        DefaultMQProducer producer = scene.requester();
        see(scene, producer.request(scene.message("request"), TIMEOUT_MS));
        see(scene, producer.request(scene.message("request-to-queue"), scene.queue(1), TIMEOUT_MS));
        see(scene, producer.request(scene.message("request-by-hash"), new SelectMessageQueueByHash(), "key", TIMEOUT_MS));
        scene.seeStored(scene.topic, 3, false);
    }

    private static void async(Scene scene) throws Exception {
        scene.createTopic(2);
        replier(scene);
        DefaultMQProducer producer = scene.requester();
        CountDownLatch called = new CountDownLatch(1);
        AtomicReference<Message> got = new AtomicReference<>();
        producer.request(scene.message("request"), new RequestCallback() {
            @Override
            public void onSuccess(Message reply) {
                // It is also called, with null, when the request is sent (DefaultMQProducerImpl.request of 4.9.7 to 5.5.0).
                if (reply != null) {
                    got.set(reply);
                    called.countDown();
                }
            }

            @Override
            public void onException(Throwable e) {
                e.printStackTrace();
                called.countDown();
            }
        }, TIMEOUT_MS);
        scene.see("called back", called.await(TIMEOUT_MS, TimeUnit.MILLISECONDS));
        see(scene, got.get());
        scene.seeStored(scene.topic, 1, false);
    }

    private static void timeout(Scene scene) throws Exception {
        scene.createTopic(1);
        DefaultMQProducer producer = scene.requester();
        // The time is that of the send as well.
        scene.seeFailure("nobody replies", () -> producer.request(scene.message("request"), 20_000));
        scene.seeStored(scene.topic, 1, true);
    }
}
