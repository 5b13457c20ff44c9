import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Scene is where a case plays: a topic and a group of its own, the clients that it makes, and the lines of what it sees.
 * Times, ids and addresses are not in the lines, only that they are there.
 */
final class Scene {
    /** How long a case waits for what has to come: a busy machine may take many times what an idle one does. */
    static final long PATIENCE_MS = 300_000;
    private static final int CALL_TIMEOUT_MS = Patience.CALL_TIMEOUT_MS;
    private static final long POLL_MS = 20;
    /** Of ResponseCode, one of the classes that moved. */
    private static final int TOPIC_NOT_EXIST = 17;
    private static final int QUERY_NOT_FOUND = 22;

    /** Properties whose values are times, ids, addresses or places in a log. */
    private static final Collection<String> VARYING = new TreeSet<>(List.of(
        MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX, MessageConst.PROPERTY_ORIGIN_MESSAGE_ID, "__transactionId__",
        "TIMER_OUT_MS", "TIMER_DELIVER_MS", "TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS", "POP_CK", "1ST_POP_TIME", "CORRELATION_ID", "REPLY_TO_CLIENT",
        "PUSH_REPLY_TIME", "ARRIVE_TIME", "CONSUME_START_TIME", "MIN_OFFSET", "MAX_OFFSET", "TRAN_PREPARED_QUEUE_OFFSET", "__BORNHOST"));

    final String topic;
    final String group;
    final DefaultMQAdminExt admin;
    final Masters masters;
    private final String nameServers;
    private final RPCHook hook;
    private final String instanceName;
    private int instances;
    private DefaultMQPullConsumer reader;
    private final Deque<Runnable> closers = new ArrayDeque<>();
    private final List<Witness.Json> lines = Collections.synchronizedList(new ArrayList<>());

    Scene(String name, String nameServers, RPCHook hook, String instanceName, DefaultMQAdminExt admin) {
        this.topic = name + "-topic";
        this.group = name + "-group";
        this.nameServers = nameServers;
        this.hook = hook;
        this.instanceName = instanceName;
        this.admin = admin;
        this.masters = new Masters(admin);
    }

    // ---- what is seen ----

    void see(String what, String value) {
        lines.add(new Witness.Json().put("saw", what).put("is", value));
    }

    void see(String what, long value) {
        see(what, Long.toString(value));
    }

    void see(String what, boolean value) {
        see(what, Boolean.toString(value));
    }

    void see(String what, Collection<?> values) {
        StringBuilder text = new StringBuilder();
        values.forEach(value -> text.append(text.length() > 0 ? ", " : "").append(value));
        see(what, text.toString());
    }

    /** The result of a send, but for ids and times. */
    void see(String what, SendResult result) {
        see(what, result.getSendStatus() + " " + result.getMessageQueue().getTopic() + " " + result.getMessageQueue().getBrokerName()
            + " offset " + result.getQueueOffset() + " region " + result.getRegionId() + " traced " + result.isTraceOn()
            + " id " + length(result.getMsgId()) + " offset id " + length(result.getOffsetMsgId())
            + " transaction id " + length(result.getTransactionId()));
    }

    private static String length(String text) {
        return text == null ? "null" : Integer.toString(text.length());
    }

    /** What a call that must fail fails with: the class and the code that a server or the client gives. */
    void seeFailure(String what, Call<?> call) {
        try {
            see(what, "no failure: " + call.get());
        } catch (Exception e) {
            Throwable t = e instanceof InvocationTargetException ? e.getCause() : e;
            String code = "";
            if (t instanceof MQBrokerException) {
                code = " " + ((MQBrokerException) t).getResponseCode();
            } else if (t instanceof MQClientException) {
                code = " " + ((MQClientException) t).getResponseCode();
            }
            see(what, t.getClass().getSimpleName() + code);
        }
    }

    List<Witness.Json> lines() {
        return lines;
    }

    /** All that clients get of a message and that does not vary, with its queue if it is the case that chose it. */
    static String text(MessageExt message, boolean queue) {
        Map<String, String> properties = new TreeMap<>(message.getProperties());
        for (String name : VARYING) {
            properties.computeIfPresent(name, (key, value) -> "there");
        }
        properties.remove(MessageConst.PROPERTY_MIN_OFFSET);
        properties.remove(MessageConst.PROPERTY_MAX_OFFSET);
        if (!queue) {
            properties.computeIfPresent(MessageConst.PROPERTY_REAL_QUEUE_ID, (key, value) -> "there");
        }
        return message.getTopic() + " " + body(message) + (queue ? " in queue " + message.getQueueId() : "") + " flag " + message.getFlag()
            + " system flag " + message.getSysFlag() + " reconsumed " + message.getReconsumeTimes() + " " + properties;
    }

    /** The body as text, only its length if it is long. */
    static String body(MessageExt message) {
        byte[] body = message.getBody();
        return body.length > 100 ? body.length + " bytes" : new String(body, StandardCharsets.UTF_8);
    }

    /** Notes the messages of a topic in the order of their bodies. It waits until there are so many. */
    void seeStored(String topic, int expect, boolean queue) throws Exception {
        List<MessageExt> messages = stored(topic, expect);
        messages.sort(Comparator.comparing(Scene::body));
        for (MessageExt message : messages) {
            see("stored", text(message, queue));
        }
    }

    /** The messages of a topic by queue and offset, once there are so many. */
    List<MessageExt> stored(String topic, int expect) throws Exception {
        List<MessageExt> found = new ArrayList<>();
        await(expect + " messages in " + topic, () -> {
            found.clear();
            for (MessageQueue queue : queues(topic)) {
                long next = reader().minOffset(queue);
                while (next < reader().maxOffset(queue)) {
                    PullResult result = reader().pull(queue, "*", next, 32, CALL_TIMEOUT_MS);
                    if (result.getMsgFoundList() != null) {
                        found.addAll(result.getMsgFoundList());
                    }
                    if (result.getNextBeginOffset() <= next) {
                        break;
                    }
                    next = result.getNextBeginOffset();
                }
            }
            return found.size() >= expect;
        });
        return found;
    }

    /** How far a group is in a topic, over all queues. It is not a member of the group. */
    long committed(String group, String topic) throws Exception {
        long sum = 0;
        for (MessageQueue queue : queues(topic)) {
            sum += committed(group, queue);
        }
        return sum;
    }

    /** A queue without an offset counts as 0. */
    private long committed(String group, MessageQueue queue) throws Exception {
        MQClientInstance factory = reader().getDefaultMQPullConsumerImpl().getRebalanceImpl().getmQClientFactory();
        Object api = factory.getMQClientAPIImpl();
        // The class of its second parameter moved.
        Method query = Witness.methodOf(api, "queryConsumerOffset");
        Class<?> type = query.getParameterTypes()[1];
        Object header = type.getConstructor().newInstance();
        type.getMethod("setConsumerGroup", String.class).invoke(header, group);
        type.getMethod("setTopic", String.class).invoke(header, queue.getTopic());
        type.getMethod("setQueueId", Integer.class).invoke(header, queue.getQueueId());
        if (factory.findBrokerAddressInPublish(queue.getBrokerName()) == null) {
            factory.updateTopicRouteInfoFromNameServer(queue.getTopic());
        }
        String address = factory.findBrokerAddressInPublish(queue.getBrokerName());
        try {
            return (Long) query.invoke(api, address, header, CALL_TIMEOUT_MS);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof MQBrokerException && ((MQBrokerException) e.getCause()).getResponseCode() == QUERY_NOT_FOUND) {
                return 0;
            }
            throw e;
        }
    }

    /** The queues of a topic that can be read, none if nobody knows it. */
    List<MessageQueue> queues(String topic) throws Exception {
        try {
            return new ArrayList<>(new TreeSet<>(reader().fetchSubscribeMessageQueues(topic)));
        } catch (MQClientException e) {
            if (e.getCause() instanceof MQClientException && ((MQClientException) e.getCause()).getResponseCode() == TOPIC_NOT_EXIST) {
                return Collections.emptyList();
            }
            throw e;
        }
    }

    // ---- waiting ----

    interface Condition {
        boolean holds() throws Exception;
    }

    interface Call<T> {
        T get() throws Exception;
    }

    static void await(String what, Condition condition) throws Exception {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (!condition.holds()) {
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException("in vain waited for " + what);
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MS);
        }
    }

    /**
     * Has members of the group commit what they have done with, until the brokers know of so many messages of the topic.
     * Members do not wait for the brokers' word, not even when they leave.
     */
    void commit(long messages, String topic, DefaultMQPushConsumer... members) throws Exception {
        await(messages + " committed in " + topic, () -> {
            for (DefaultMQPushConsumer member : members) {
                member.getDefaultMQPushConsumerImpl().persistConsumerOffset();
            }
            return committed(group, topic) == messages;
        });
    }

    // ---- topics and messages ----

    void createTopic(int queues) throws Exception {
        createTopic(topic, queues);
    }

    /** Returns when the name servers know the topic. */
    void createTopic(String name, int queues) throws Exception {
        masters.createTopic(name, queues, Collections.emptyMap());
        await("the route of " + name, () -> !queues(name).isEmpty());
    }

    /** A message whose tag, key and property n are the same for all cases. */
    Message message(String body) {
        Message message = new Message(topic, "tag", "key-" + body, body.getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("n", "1");
        return message;
    }

    MessageQueue queue(int id) throws Exception {
        return new MessageQueue(topic, queues(topic).get(0).getBrokerName(), id);
    }

    /** Sends messages to a queue, one after the other. */
    void send(DefaultMQProducer producer, int queueId, String... bodies) throws Exception {
        MessageQueue queue = queue(queueId);
        for (String body : bodies) {
            producer.send(message(body), queue);
        }
    }

    // ---- clients: all are closed with the scene ----

    synchronized void onClose(Runnable closer) {
        closers.push(closer);
    }

    void close() {
        while (!closers.isEmpty()) {
            try {
                closers.pop().run();
            } catch (RuntimeException e) {
                e.printStackTrace();
            }
        }
    }

    String nameServers() {
        return nameServers;
    }

    RPCHook hook() {
        return hook;
    }

    /** Clients of one process share a connection, and much state, unless their instance names differ. */
    synchronized String instanceName() {
        return instanceName + "-" + instances++;
    }

    DefaultMQProducer producer() throws MQClientException {
        return start(new DefaultMQProducer(group + "-producer", hook));
    }

    /** A producer that the brokers know, to hand replies to. */
    DefaultMQProducer requester() throws Exception {
        DefaultMQProducer producer = start(new DefaultMQProducer(group + "-requester", hook));
        introduce(producer, topic, masters);
        return producer;
    }

    /**
     * Returns when all masters, which have the topic, know a producer, and so can hand it replies and ask it for decisions.
     * Clients do not make sure of it: a first heartbeat before they know the brokers leaves it to the second, half a minute
     * later.
     */
    static void introduce(DefaultMQProducer producer, String topic, Masters masters) throws Exception {
        MQClientInstance factory = producer.getDefaultMQProducerImpl().getMqClientFactory();
        for (String address : masters.addresses()) {
            await("the producer at the broker", () -> {
                factory.updateTopicRouteInfoFromNameServer(topic);
                factory.sendHeartbeatToAllBrokerWithLock();
                try {
                    return factory.getMQClientAPIImpl().getProducerConnectionList(address, producer.getProducerGroup(), CALL_TIMEOUT_MS)
                        .getConnectionSet().stream().anyMatch(connection -> connection.getClientId().equals(factory.getClientId()));
                } catch (MQBrokerException e) {
                    return false; // nobody of the group is there
                }
            });
        }
    }

    <P extends DefaultMQProducer> P start(P producer) throws MQClientException {
        producer.setNamesrvAddr(nameServers);
        producer.setInstanceName(instanceName());
        producer.setSendMsgTimeout(CALL_TIMEOUT_MS);
        producer.start();
        onClose(producer::shutdown);
        return producer;
    }

    TransactionMQProducer transactions() {
        return new TransactionMQProducer(group + "-producer", hook);
    }

    /** A push consumer that is not started, from the beginning unless the case says otherwise. */
    DefaultMQPushConsumer push(String group) {
        // Of the constructors with a hook, the one that every version has.
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group, hook, new AllocateMessageQueueAveragely());
        consumer.setNamesrvAddr(nameServers);
        consumer.setInstanceName(instanceName());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setAwaitTerminationMillisWhenShutdown(60_000);
        return consumer;
    }

    void start(DefaultMQPushConsumer consumer) throws MQClientException {
        consumer.start();
        onClose(consumer::shutdown);
    }

    DefaultLitePullConsumer litePull(String group) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group, hook);
        consumer.setNamesrvAddr(nameServers);
        consumer.setInstanceName(instanceName());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setAutoCommit(false);
        return consumer;
    }

    void start(DefaultLitePullConsumer consumer) throws MQClientException {
        consumer.start();
        onClose(consumer::shutdown);
    }

    DefaultMQPullConsumer pull(String group) throws MQClientException {
        return pull(group, consumer -> { });
    }

    /** A started pull consumer, with settings of the case. */
    DefaultMQPullConsumer pull(String group, Consumer<DefaultMQPullConsumer> settings) throws MQClientException {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group, hook);
        consumer.setNamesrvAddr(nameServers);
        consumer.setInstanceName(instanceName());
        settings.accept(consumer);
        consumer.start();
        onClose(consumer::shutdown);
        return consumer;
    }

    private synchronized DefaultMQPullConsumer reader() throws MQClientException {
        if (reader == null) {
            reader = pull("reader-of-" + topic);
        }
        return reader;
    }

    /** Calls a method that not every version has. */
    static Object call(Object object, String name, Object... args) throws Exception {
        for (Method method : object.getClass().getMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == args.length) {
                return method.invoke(object, args);
            }
        }
        throw new UnsupportedOperationException("this version has no " + name);
    }
}
