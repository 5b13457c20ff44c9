import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.compression.Compressor;
import org.apache.rocketmq.common.compression.CompressorFactory;
import org.apache.rocketmq.common.constant.PermName;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.remoting.exception.RemotingException;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Witness tells what the official Java client sees in a RocketMQ cluster, as one JSON object per line.
 *
 * <pre>
 * java Witness -n ADDR;ADDR COMMAND [ARG...]   runs one command
 * java Witness -n ADDR;ADDR serve              reads commands from standard input, one JSON array of strings a line,
 *                                              and ends the output of each with {"done":true}
 * </pre>
 *
 * With the system properties witness.accessKey and witness.secretKey all requests are signed by that user.
 * A command that fails prints {"error":"..."}. Commands that read lines of input (properties, decompress) read
 * standard input up to a line that is a single dot, or to its end.
 *
 * <p>The file has to compile against RocketMQ 4.9 and 5.x. Several classes moved to other packages between them, so
 * they are reached by chained calls and lambdas, and never named.
 */
public final class Witness {
    private static final int CALL_TIMEOUT_MS = Patience.CALL_TIMEOUT_MS;
    private static final long POLL_INTERVAL_MS = 20;

    // Codes of org.apache.rocketmq.*.protocol.ResponseCode, which is one of the classes that moved.
    private static final int SYSTEM_ERROR = 1;
    private static final int TOPIC_NOT_EXIST = 17;
    private static final int QUERY_NOT_FOUND = 22;
    private static final int NO_MESSAGE = 208;

    private final String nameServers;
    private final BufferedReader in;
    private final Output out;

    private DefaultMQPullConsumer consumer;
    private DefaultMQAdminExt admin;
    private int instances;
    private final Map<String, Member> members = new HashMap<>();
    /** Null before the first case. */
    private Plays plays;

    private Witness(String nameServers, BufferedReader in, Output out) {
        this.nameServers = nameServers;
        this.in = in;
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        // Libraries log to standard output: keep the real one for answers only.
        Output out = new Output(System.out);
        System.setOut(System.err);
        if (args.length < 3 || !args[0].equals("-n")) {
            System.err.println("usage: Witness -n ADDR;ADDR COMMAND [ARG...]");
            System.exit(2);
        }
        Patience.begin();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Witness witness = new Witness(args[1], in, out);
        boolean ok = true;
        if (args[2].equals("serve")) {
            witness.serve();
        } else {
            ok = witness.run(Arrays.copyOfRange(args, 2, args.length));
            out.flush();
        }
        // The client's own threads are not daemons.
        System.exit(ok ? 0 : 1);
    }

    private void serve() throws IOException {
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            run(RemotingSerializable.fromJson(line, String[].class));
            out.print(new Json().put("done", true));
            out.flush();
        }
    }

    private boolean run(String[] args) {
        try {
            dispatch(args[0], new Args(Arrays.asList(args).subList(1, args.length)));
            return true;
        } catch (Throwable t) {
            t.printStackTrace();
            // The next command begins with new connections.
            closeClients();
            out.print(new Json().put("error", args[0] + ": " + t));
            return false;
        }
    }

    private void dispatch(String command, Args args) throws Exception {
        switch (command) {
            case "read":
                read(args);
                break;
            case "send-back":
                sendBack(args);
                break;
            case "query-key":
                queryKey(args);
                break;
            case "query-id":
                queryId(args);
                break;
            case "view":
                view(args);
                break;
            case "produce":
                produce(args);
                break;
            case "request":
                request(args);
                break;
            case "reserved":
                reserved();
                break;
            case "properties":
                properties();
                break;
            case "decompress":
                decompress(args);
                break;
            case "topics":
                topics();
                break;
            case "mqadmin":
                mqadmin(args);
                break;
            case "queues":
                viewsOf(args);
                break;
            case "create-topic":
                createTopic(args);
                break;
            case "state":
                state(args);
                break;
            case "producers":
                producers(args);
                break;
            case "consume":
                consume(args);
                break;
            case "consumed":
                consumed(args);
                break;
            case "stop":
                stop(args);
                break;
            case "create-group":
                createGroup(args);
                break;
            case "play":
                play(args);
                break;
            case "seen":
                seen(args);
                break;
            default:
                throw new IllegalArgumentException("unknown command");
        }
    }

    // ---- reading ----

    private void read(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        String tags = args.option("--tags", "*");
        long expect = args.number("--expect", 0);
        long deadline = args.deadline();
        args.end();
        Map<MessageQueue, Long> next = new HashMap<>();
        long found = 0;
        while (true) {
            // A whole round even when enough was found before its end: what is there beyond the expected is evidence too.
            for (MessageQueue queue : queues(topic)) {
                found += readQueue(queue, tags, next).size();
            }
            if (found >= expect || System.currentTimeMillis() >= deadline) {
                return;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_INTERVAL_MS);
        }
    }

    /** Reads a queue from where it was left to its end, prints what the subscription takes, and returns it. */
    private List<MessageExt> readQueue(MessageQueue queue, String tags, Map<MessageQueue, Long> next) throws Exception {
        DefaultMQPullConsumer c = consumer();
        Long from = next.get(queue);
        long offset = from != null ? from : c.minOffset(queue);
        long max = c.maxOffset(queue);
        List<MessageExt> found = new ArrayList<>();
        while (offset < max) {
            PullResult result = c.pull(queue, tags, offset, 1024, CALL_TIMEOUT_MS);
            List<MessageExt> messages = result.getMsgFoundList();
            if (messages != null) {
                for (MessageExt message : messages) {
                    printMessage(message);
                    found.add(message);
                }
            }
            if (result.getNextBeginOffset() <= offset) {
                break;
            }
            offset = result.getNextBeginOffset();
        }
        next.put(queue, offset);
        return found;
    }

    /** Prints the messages of a topic, and hands them back to the broker as a consumer that could not consume them. */
    private void sendBack(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        String group = args.positional("GROUP");
        args.end();
        for (MessageQueue queue : queues(topic)) {
            for (MessageExt message : readQueue(queue, "*", new HashMap<>())) {
                consumer().sendMessageBack(message, 1, queue.getBrokerName(), group); // to be tried again after a second
            }
        }
    }

    /** The readable queues of a topic, none when nobody knows the topic. */
    private Set<MessageQueue> queues(String topic) throws Exception {
        Set<MessageQueue> queues = new TreeSet<>();
        try {
            factory().getMQClientAPIImpl().getTopicRouteInfoFromNameServer(topic, CALL_TIMEOUT_MS)
                .getQueueDatas().forEach(data -> {
                    if (PermName.isReadable(data.getPerm())) {
                        for (int i = 0; i < data.getReadQueueNums(); i++) {
                            queues.add(new MessageQueue(topic, data.getBrokerName(), i));
                        }
                    }
                });
        } catch (MQClientException e) {
            if (e.getResponseCode() != TOPIC_NOT_EXIST) {
                throw e;
            }
        }
        return queues;
    }

    private void queryKey(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        String key = args.positional("KEY");
        long expect = args.number("--expect", 1);
        long deadline = args.deadline();
        args.end();
        search(expect, deadline, () -> consumer().queryMessage(topic, key, 1024, 0, Long.MAX_VALUE).getMessageList());
    }

    private void queryId(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        String id = args.positional("UNIQ_KEY");
        long deadline = args.deadline();
        args.end();
        search(1, deadline, () -> {
            // The call under mqadmin queryMsgByUniqueKey and DefaultMQAdminExt.viewMessage, without their attempt to read
            // the unique id as an offset id, which dials a senseless address first.
            MessageExt message = factory().getMQAdminImpl().queryMessageByUniqKey(topic, id);
            return message == null ? Collections.emptyList() : Collections.singletonList(message);
        });
    }

    private interface Search {
        Collection<MessageExt> find() throws Exception;
    }

    /** Repeats a search, because brokers build their index after they have answered the send. */
    private void search(long expect, long deadline, Search search) throws Exception {
        while (true) {
            Collection<MessageExt> found = Collections.emptyList();
            try {
                found = search.find();
            } catch (MQClientException e) {
                int code = e.getResponseCode();
                if (code != NO_MESSAGE && code != TOPIC_NOT_EXIST && code != QUERY_NOT_FOUND) {
                    throw e;
                }
            }
            if (found.size() >= expect || System.currentTimeMillis() >= deadline) {
                found.forEach(this::printMessage);
                return;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_INTERVAL_MS);
        }
    }

    private void view(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        String id = args.positional("OFFSET_MSG_ID");
        args.end();
        MessageExt message = admin().viewMessage(topic, id);
        if (message != null) {
            printMessage(message);
        }
    }

    private void printMessage(MessageExt message) {
        out.print(describe(message));
    }

    static Json describe(MessageExt message) {
        Map<String, String> properties = new TreeMap<>(message.getProperties());
        // These three are added on receipt by the client.
        properties.remove(MessageConst.PROPERTY_MIN_OFFSET);
        properties.remove(MessageConst.PROPERTY_MAX_OFFSET);
        properties.remove(MessageConst.PROPERTY_CONSUME_START_TIMESTAMP);
        Json json = new Json()
            .put("topic", message.getTopic())
            .put("brokerName", message.getBrokerName())
            .put("queueId", message.getQueueId())
            .put("queueOffset", message.getQueueOffset())
            .put("commitLogOffset", message.getCommitLogOffset())
            .put("msgId", message.getMsgId());
        if (message instanceof MessageClientExt) {
            json.put("offsetMsgId", ((MessageClientExt) message).getOffsetMsgId());
        }
        return json
            .put("keys", message.getKeys())
            .put("tags", message.getTags())
            .put("flag", message.getFlag())
            .put("sysFlag", message.getSysFlag())
            .put("bornTimestamp", message.getBornTimestamp())
            .put("bornHost", message.getBornHostString())
            .put("storeTimestamp", message.getStoreTimestamp())
            .put("storeSize", message.getStoreSize())
            .put("bodyCrc", message.getBodyCRC())
            .put("reconsumeTimes", message.getReconsumeTimes())
            .put("preparedTransactionOffset", message.getPreparedTransactionOffset())
            .put("body", message.getBody())
            .put("properties", properties);
    }

    // ---- consuming in the background ----

    /** Starts a push consumer, which stays a member of its group until it is stopped. */
    private void consume(Args args) throws Exception {
        String name = args.positional("NAME");
        Member.Settings settings = new Member.Settings(args);
        args.end();
        if (settings.pop) {
            masters().requestPop(settings.topic, settings.group, settings.popShare);
        }
        Member member = new Member(settings, hook());
        member.start(nameServers, instanceName());
        if (members.putIfAbsent(name, member) != null) {
            member.stop();
            throw new IllegalArgumentException("there is a consumer " + name);
        }
    }

    /** Prints what a consumer was given since the last time. */
    private void consumed(Args args) {
        Member member = member(args.positional("NAME"));
        args.end();
        member.drain(out);
    }

    /** Lets a consumer finish what it has in hand, takes it out of its group, and prints the rest. */
    private void stop(Args args) {
        String name = args.positional("NAME");
        Member member = member(name);
        args.end();
        members.remove(name);
        member.stop();
        member.drain(out);
    }

    private Member member(String name) {
        Member member = members.get(name);
        if (member == null) {
            throw new IllegalArgumentException("there is no consumer " + name);
        }
        return member;
    }

    private void createGroup(Args args) throws Exception {
        String name = args.positional("NAME");
        int retryMaxTimes = (int) args.number("--retry-max-times", -1);
        args.end();
        masters().createGroup(name, retryMaxTimes);
    }

    static Method methodOf(Object object, String name) {
        for (Method method : object.getClass().getMethods()) {
            if (method.getName().equals(name)) {
                return method;
            }
        }
        throw new UnsupportedOperationException("this version has no " + name);
    }

    /** A constant of an enum that cannot be named here. */
    static Object constant(Class<?> type, String name) {
        for (Object value : type.getEnumConstants()) {
            if (((Enum<?>) value).name().equals(name)) {
                return value;
            }
        }
        throw new UnsupportedOperationException("this version has no " + name);
    }

    // ---- cases ----

    /** Begins a case, which goes on in the background: its topics and groups begin with the name. */
    private void play(Args args) throws Exception {
        String play = args.positional("CASE");
        String name = args.positional("NAME");
        args.end();
        if (plays == null) {
            plays = new Plays(nameServers, hook(), instanceName());
        }
        plays.begin(play, name);
    }

    /** Prints what a case has seen, once it is over. */
    private void seen(Args args) throws Exception {
        String name = args.positional("NAME");
        args.end();
        if (plays == null) {
            throw new IllegalArgumentException("no case was begun");
        }
        plays.print(name, out);
    }

    // ---- producing ----

    private void produce(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        int count = Integer.parseInt(args.positional("COUNT"));
        boolean batch = args.flag("--batch");
        boolean oneway = args.flag("--oneway");
        int size = (int) args.number("--size", 0);
        String tag = args.option("--tag", "");
        String hash = args.option("--hash", null);
        String namespace = args.option("--namespace", null);
        String namespaceV2 = args.option("--namespace-v2", null);
        String group = args.option("--group", "witness-producer");
        boolean vip = args.flag("--vip");
        String compression = args.option("--compression", null);
        String property = args.option("--property", null);
        args.end();
        DefaultMQProducer producer = new DefaultMQProducer(group, hook());
        if (compression != null) {
            // Only clients since 5.0.0 have it.
            Method set = methodOf(producer, "setCompressType");
            set.invoke(producer, constant(set.getParameterTypes()[0], compression));
        }
        if (namespace != null) {
            producer.setNamespace(namespace);
        }
        if (namespaceV2 != null) {
            // Only clients since 5.2.0 have it.
            producer.getClass().getMethod("setNamespaceV2", String.class).invoke(producer, namespaceV2);
        }
        producer.setVipChannelEnabled(vip);
        producer.setNamesrvAddr(nameServers);
        producer.setInstanceName(instanceName());
        producer.setSendMsgTimeout(CALL_TIMEOUT_MS);
        producer.start();
        try {
            List<Message> messages = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                Message message = new Message(topic, tag, "key-" + i, padded("java-" + i, size));
                message.putUserProperty("n", Integer.toString(i));
                if (property != null) {
                    String[] pair = property.split("=", 2);
                    message.putUserProperty(pair[0], pair[1]);
                }
                messages.add(message);
            }
            if (batch) {
                printSent(producer.send(messages));
                return;
            }
            for (Message message : messages) {
                if (oneway) {
                    producer.sendOneway(message);
                } else if (hash != null) {
                    printSent(producer.send(message, new SelectMessageQueueByHash(), hash));
                } else {
                    printSent(producer.send(message));
                }
            }
        } finally {
            producer.shutdown();
        }
    }

    /**
     * Makes requests, one after the other, and prints the reply to each, or why there is none. The body of number i is
     * java-i, padded with dots, its property n is i.
     */
    private void request(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        int count = Integer.parseInt(args.positional("COUNT"));
        int size = (int) args.number("--size", 0);
        long timeout = args.number("--timeout-ms", CALL_TIMEOUT_MS);
        args.end();
        DefaultMQProducer producer = new DefaultMQProducer("witness-requester", hook());
        producer.setNamesrvAddr(nameServers);
        producer.setInstanceName(instanceName());
        producer.setSendMsgTimeout(CALL_TIMEOUT_MS);
        producer.start();
        try {
            Scene.introduce(producer, topic, masters());
            for (int i = 0; i < count; i++) {
                Message message = new Message(topic, "", "key-" + i, padded("java-" + i, size));
                message.putUserProperty("n", Integer.toString(i));
                try {
                    out.print(describe((MessageExt) producer.request(message, timeout)));
                } catch (RequestTimeoutException e) {
                    out.print(new Json().put("timeout", e.getMessage()));
                } catch (MQClientException | RemotingException e) {
                    out.print(new Json().put("unsent", e.toString()));
                }
            }
        } finally {
            producer.shutdown();
        }
    }

    static byte[] padded(String text, int size) {
        byte[] start = text.getBytes(StandardCharsets.UTF_8);
        byte[] body = Arrays.copyOf(start, Math.max(size, start.length));
        Arrays.fill(body, start.length, body.length, (byte) '.');
        return body;
    }

    private void printSent(SendResult result) {
        out.print(new Json()
            .put("status", result.getSendStatus().name())
            .put("msgId", result.getMsgId())
            .put("offsetMsgId", result.getOffsetMsgId())
            .put("topic", result.getMessageQueue().getTopic())
            .put("brokerName", result.getMessageQueue().getBrokerName())
            .put("queueId", result.getMessageQueue().getQueueId())
            .put("queueOffset", result.getQueueOffset())
            .put("transactionId", result.getTransactionId())
            .put("regionId", result.getRegionId()));
    }

    // ---- judging bytes ----

    private void reserved() throws Exception {
        Set<String> constants = new TreeSet<>();
        Set<String> hashSet = new TreeSet<>();
        for (Field field : MessageConst.class.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers())) {
                continue;
            }
            field.setAccessible(true);
            if (field.getType() == String.class) {
                constants.add((String) field.get(null));
            } else if (field.getName().equals("STRING_HASH_SET")) {
                for (Object value : (Collection<?>) field.get(null)) {
                    hashSet.add((String) value);
                }
            }
        }
        out.print(new Json()
            .put("messageConst", constants)
            .put("stringHashSet", hashSet)
            .put("systemTopics", new TreeSet<>(TopicValidator.getSystemTopicSet()))
            .put("notAllowedSend", new TreeSet<>(TopicValidator.getNotAllowedSendTopicSet())));
    }

    private void properties() throws IOException {
        for (byte[] bytes : input()) {
            String text = new String(bytes, StandardCharsets.UTF_8);
            out.print(new Json().put("properties", MessageDecoder.string2messageProperties(text)));
        }
    }

    private void decompress(Args args) throws IOException {
        // The input is taken off the stream first, so that a failure leaves nothing of it for the next command.
        List<byte[]> input = input();
        String type = args.positional("TYPE").toUpperCase(Locale.ROOT);
        args.end();
        Compressor compressor = CompressorFactory.getCompressor(CompressionType.of(type));
        for (byte[] bytes : input) {
            out.print(new Json().put("body", compressor.decompress(bytes)));
        }
    }

    private List<byte[]> input() throws IOException {
        List<String> lines = new ArrayList<>();
        for (String line = in.readLine(); line != null && !line.equals("."); line = in.readLine()) {
            lines.add(line);
        }
        List<byte[]> decoded = new ArrayList<>();
        for (String line : lines) {
            decoded.add(Base64.getDecoder().decode(line));
        }
        return decoded;
    }

    // ---- administration ----

    private void topics() throws Exception {
        for (String topic : new TreeSet<>(admin().fetchAllTopicList().getTopicList())) {
            out.print(new Json().put("topic", topic));
        }
    }

    /** Runs a command of mqadmin with name servers of its own. */
    private void mqadmin(Args args) throws Exception {
        AdminTool.Printed printed = AdminTool.run(args.remaining().toArray(new String[0]));
        out.print(new Json().put("out", printed.out).put("err", printed.err));
    }

    /** What a producer and a consumer make of the topic's route: the queues to write, then those to read. */
    private void viewsOf(Args args) throws Exception {
        String topic = args.positional("TOPIC");
        args.end();
        for (MessageQueue queue : MQClientInstance.topicRouteData2TopicPublishInfo(topic, admin().examineTopicRouteInfo(topic)).getMessageQueueList()) {
            printView("write", queue);
        }
        for (MessageQueue queue : new TreeSet<>(MQClientInstance.topicRouteData2TopicSubscribeInfo(topic, admin().examineTopicRouteInfo(topic)))) {
            printView("read", queue);
        }
    }

    private void printView(String view, MessageQueue queue) {
        out.print(new Json().put("view", view).put("brokerName", queue.getBrokerName()).put("queueId", queue.getQueueId()));
    }

    private void createTopic(Args args) throws Exception {
        String name = args.positional("NAME");
        int queues = Integer.parseInt(args.positional("QUEUES"));
        Map<String, String> attributes = new HashMap<>();
        while (args.hasPositional()) {
            String[] pair = args.positional("ATTR").split("=", 2);
            attributes.put(pair[0], pair[1]);
        }
        args.end();
        masters().createTopic(name, queues, attributes);
    }

    /** What each master keeps: its topics, its groups, and where its log ends. */
    private void state(Args args) throws Exception {
        args.end();
        for (String address : masters().addresses()) {
            Map<String, TopicConfig> topics = new TreeMap<>(
                admin().getAllTopicConfig(address, CALL_TIMEOUT_MS).getTopicConfigTable());
            for (TopicConfig topic : topics.values()) {
                out.print(new Json()
                    .put("kind", "topic")
                    .put("brokerAddr", address)
                    .put("name", topic.getTopicName())
                    .put("readQueues", topic.getReadQueueNums())
                    .put("writeQueues", topic.getWriteQueueNums())
                    .put("perm", topic.getPerm())
                    .put("attributes", attributes(topic)));
            }
            for (String group : new TreeSet<>(
                admin().getAllSubscriptionGroup(address, CALL_TIMEOUT_MS).getSubscriptionGroupTable().keySet())) {
                out.print(new Json().put("kind", "group").put("brokerAddr", address).put("name", group));
            }
            String end = admin().fetchBrokerRuntimeStats(address).getTable().get("commitLogMaxOffset");
            out.print(new Json().put("kind", "log end").put("brokerAddr", address).put("name", end));
        }
    }

    /** The attributes of a topic, which has some from 5.0 on. */
    @SuppressWarnings("unchecked")
    private static Map<String, String> attributes(TopicConfig topic) throws Exception {
        try {
            return (Map<String, String>) TopicConfig.class.getMethod("getAttributes").invoke(topic);
        } catch (NoSuchMethodException e) {
            return Collections.emptyMap();
        }
    }

    private void producers(Args args) throws Exception {
        String group = args.positional("GROUP");
        args.end();
        for (String address : masters().addresses()) {
            try {
                factory().getMQClientAPIImpl().getProducerConnectionList(address, group, CALL_TIMEOUT_MS)
                    .getConnectionSet().forEach(connection -> out.print(new Json()
                        .put("clientId", connection.getClientId())
                        .put("language", connection.getLanguage().name())
                        .put("version", connection.getVersion())
                        .put("clientAddr", connection.getClientAddr())
                        .put("brokerAddr", address)));
            } catch (MQBrokerException e) {
                // A group without connections has no code of its own.
                if (e.getResponseCode() != SYSTEM_ERROR || !String.valueOf(e.getErrorMessage()).contains("not exist")) {
                    throw e;
                }
            }
        }
    }

    private Masters masters() throws MQClientException {
        return new Masters(admin());
    }

    // ---- clients ----

    /** Signs requests as the user that the launcher names by system properties, null if it names none. */
    private static RPCHook hook() {
        String accessKey = System.getProperty("witness.accessKey");
        return accessKey == null ? null
            : new AclClientRPCHook(new SessionCredentials(accessKey, System.getProperty("witness.secretKey")));
    }

    private DefaultMQPullConsumer consumer() throws MQClientException {
        if (consumer == null) {
            DefaultMQPullConsumer c = new DefaultMQPullConsumer("witness", hook());
            c.setNamesrvAddr(nameServers);
            c.setInstanceName(instanceName());
            c.start();
            consumer = c;
        }
        return consumer;
    }

    private MQClientInstance factory() throws MQClientException {
        return consumer().getDefaultMQPullConsumerImpl().getRebalanceImpl().getmQClientFactory();
    }

    private DefaultMQAdminExt admin() throws MQClientException {
        if (admin == null) {
            DefaultMQAdminExt a = new DefaultMQAdminExt(hook(), CALL_TIMEOUT_MS);
            a.setNamesrvAddr(nameServers);
            a.setInstanceName(instanceName());
            a.start();
            admin = a;
        }
        return admin;
    }

    /** Clients of one process share a connection, and much state, unless their instance names differ. */
    private String instanceName() {
        return "witness-" + ProcessHandle.current().pid() + "-" + instances++;
    }

    private void closeClients() {
        if (consumer != null) {
            consumer.shutdown();
            consumer = null;
        }
        if (admin != null) {
            admin.shutdown();
            admin = null;
        }
    }

    // ---- arguments and output ----

    /** The arguments of one command: positional ones in order, --options anywhere. */
    static final class Args {
        private final List<String> rest;

        Args(List<String> args) {
            this.rest = new ArrayList<>(args);
        }

        boolean hasPositional() {
            return !rest.isEmpty() && !rest.get(0).startsWith("--");
        }

        String positional(String name) {
            if (!hasPositional()) {
                throw new IllegalArgumentException("missing " + name);
            }
            return rest.remove(0);
        }

        boolean flag(String name) {
            return rest.remove(name);
        }

        List<String> remaining() {
            return rest;
        }

        String option(String name, String otherwise) {
            int at = rest.indexOf(name);
            if (at < 0) {
                return otherwise;
            }
            rest.remove(at);
            return rest.remove(at);
        }

        long number(String name, long otherwise) {
            return Long.parseLong(option(name, Long.toString(otherwise)));
        }

        long deadline() {
            return System.currentTimeMillis() + number("--timeout-ms", 180_000);
        }

        void end() {
            if (!rest.isEmpty()) {
                throw new IllegalArgumentException("unexpected arguments " + rest);
            }
        }
    }

    /** Writes one line per object. All of it is ASCII, see Json. */
    static final class Output {
        private final OutputStream stream;

        Output(PrintStream stream) {
            this.stream = new BufferedOutputStream(stream, 1 << 16);
        }

        void print(Json json) {
            try {
                stream.write((json + "\n").getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        void flush() throws IOException {
            stream.flush();
        }
    }

    /** A JSON object under construction. */
    static final class Json {
        private final StringBuilder text = new StringBuilder();

        Json put(String name, long value) {
            return raw(name, Long.toString(value));
        }

        Json put(String name, boolean value) {
            return raw(name, Boolean.toString(value));
        }

        Json put(String name, String value) {
            return raw(name, quote(value));
        }

        Json put(String name, byte[] value) {
            return raw(name, value == null ? "null" : '"' + Base64.getEncoder().encodeToString(value) + '"');
        }

        Json put(String name, Collection<String> values) {
            StringBuilder array = new StringBuilder("[");
            for (String value : values) {
                array.append(array.length() > 1 ? "," : "").append(quote(value));
            }
            return raw(name, array.append(']').toString());
        }

        Json put(String name, Map<String, String> values) {
            Json object = new Json();
            values.forEach((key, value) -> object.raw(key, quote(value)));
            return raw(name, object.toString());
        }

        private Json raw(String name, String json) {
            text.append(text.length() > 0 ? "," : "").append(quote(name)).append(':').append(json);
            return this;
        }

        @Override
        public String toString() {
            return "{" + text + "}";
        }

        /** Quotes a string; everything outside printable ASCII is escaped, so no encoding can spoil it on the way. */
        private static String quote(String value) {
            if (value == null) {
                return "null";
            }
            StringBuilder quoted = new StringBuilder(value.length() + 2).append('"');
            for (int i = 0; i < value.length(); i++) {
                char c = value.charAt(i);
                if (c == '"' || c == '\\') {
                    quoted.append('\\').append(c);
                } else if (c >= 0x20 && c < 0x7f) {
                    quoted.append(c);
                } else {
                    quoted.append(String.format("\\u%04x", (int) c));
                }
            }
            return quoted.append('"').toString();
        }
    }
}
