import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.RPCHook;

/** Member is a push consumer that is a member of its group, and keeps what it was given. It may reply to requests. */
final class Member {
    /** How long handlers may take to finish when the consumer is stopped. */
    private static final long STOP_PATIENCE_MS = 60_000;

    private final Settings settings;
    private final DefaultMQPushConsumer consumer;
    /** Sends the replies, null if there are none. */
    private final DefaultMQProducer replier;
    private long deliveries;
    private final Queue<Witness.Json> lines = new ConcurrentLinkedQueue<>();

    /** What the arguments of a consume command say. */
    static final class Settings {
        final String group;
        final String topic;
        final String tags;
        final String sql;
        final int threads;
        final boolean orderly;
        final boolean broadcast;
        final boolean last;
        final boolean pop;
        final int popShare;
        final long invisibleMs;
        final long failEvery;
        final int maxReconsumeTimes;
        final int delayLevel;
        final boolean reply;
        final int replySize;

        Settings(Witness.Args args) {
            group = args.positional("GROUP");
            topic = args.positional("TOPIC");
            tags = args.option("--tags", "*");
            sql = args.option("--sql", null);
            threads = (int) args.number("--threads", 0);
            orderly = args.flag("--orderly");
            broadcast = args.flag("--broadcast");
            last = args.flag("--from-last");
            pop = args.flag("--pop");
            popShare = (int) args.number("--pop-share", 0);
            invisibleMs = args.number("--invisible-ms", 0);
            failEvery = args.number("--fail-every", 0);
            maxReconsumeTimes = (int) args.number("--max-reconsume-times", -1);
            delayLevel = (int) args.number("--delay-level", 0);
            reply = args.flag("--reply");
            replySize = (int) args.number("--reply-size", 0);
        }
    }

    Member(Settings settings, RPCHook hook) throws Exception {
        this.settings = settings;
        replier = settings.reply ? new DefaultMQProducer(settings.group + "-replier", hook) : null;
        // Of the constructors with a hook, the one that every version has.
        consumer = new DefaultMQPushConsumer(settings.group, hook, new AllocateMessageQueueAveragely());
        consumer.setConsumeFromWhere(settings.last
            ? ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET : ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setMaxReconsumeTimes(settings.maxReconsumeTimes);
        consumer.setAwaitTerminationMillisWhenShutdown(STOP_PATIENCE_MS);
        if (settings.threads > 0) {
            consumer.setConsumeThreadMin(settings.threads);
            consumer.setConsumeThreadMax(settings.threads);
        }
        if (settings.broadcast) {
            // The enum moved between the versions.
            Class<?> model = consumer.getMessageModel().getClass();
            DefaultMQPushConsumer.class.getMethod("setMessageModel", model)
                .invoke(consumer, Witness.constant(model, "BROADCASTING"));
        }
        if (settings.pop) {
            // Both exist from 5.0 on.
            DefaultMQPushConsumer.class.getMethod("setClientRebalance", boolean.class).invoke(consumer, false);
            if (settings.invisibleMs > 0) {
                DefaultMQPushConsumer.class.getMethod("setPopInvisibleTime", long.class).invoke(consumer, settings.invisibleMs);
            }
        }
        if (settings.sql != null) {
            consumer.subscribe(settings.topic, MessageSelector.bySql(settings.sql));
        } else {
            consumer.subscribe(settings.topic, settings.tags);
        }
        // By default a listener is given one message at a time.
        if (settings.orderly) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> take(messages.get(0))
                ? ConsumeOrderlyStatus.SUCCESS : ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT);
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                context.setDelayLevelWhenNextConsume(settings.delayLevel);
                return take(messages.get(0)) ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS : ConsumeConcurrentlyStatus.RECONSUME_LATER;
            });
        }
    }

    void start(String nameServers, String instanceName) throws MQClientException {
        consumer.setNamesrvAddr(nameServers);
        consumer.setInstanceName(instanceName);
        try {
            if (replier != null) {
                replier.setNamesrvAddr(nameServers);
                replier.setInstanceName(instanceName);
                replier.start();
            }
            consumer.start();
        } catch (MQClientException | RuntimeException e) {
            stop();
            throw e;
        }
    }

    /** Replies, if it is to, keeps the delivery, and says whether it is one that succeeds. */
    private boolean take(MessageExt message) {
        boolean replied = replier == null || reply(message);
        return keep(message, replied);
    }

    /** The reply has the body "reply to" that of the request, padded with dots, and the properties n and from. */
    private boolean reply(MessageExt message) {
        try {
            String text = "reply to " + new String(message.getBody(), StandardCharsets.UTF_8);
            Message reply = MessageUtil.createReplyMessage(message, Witness.padded(text, settings.replySize));
            reply.putUserProperty("from", "java");
            if (message.getUserProperty("n") != null) {
                reply.putUserProperty("n", message.getUserProperty("n"));
            }
            replier.send(reply, Patience.CALL_TIMEOUT_MS);
            return true;
        } catch (Exception e) {
            e.printStackTrace();
            return false;
        }
    }

    /** The lines are in the order of the count. */
    private synchronized boolean keep(MessageExt message, boolean replied) {
        boolean failed = !replied || settings.failEvery > 0 && ++deliveries % settings.failEvery == 0;
        lines.add(Witness.describe(message).put("receivedAt", System.currentTimeMillis()).put("failed", failed));
        return !failed;
    }

    void drain(Witness.Output out) {
        for (Witness.Json line = lines.poll(); line != null; line = lines.poll()) {
            out.print(line);
        }
    }

    void stop() {
        consumer.shutdown();
        if (replier != null) {
            replier.shutdown();
        }
    }
}
