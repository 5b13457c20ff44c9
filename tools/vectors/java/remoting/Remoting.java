package org.apache.rocketmq.proxy.grpc.v2.producer; // for its SendMessageQueueSelector, which is protected

import apache.rocketmq.v2.Endpoints;
import apache.rocketmq.v2.AddressScheme;
import apache.rocketmq.v2.Message;
import apache.rocketmq.v2.QueryRouteRequest;
import apache.rocketmq.v2.QueryRouteResponse;
import apache.rocketmq.v2.Resource;
import apache.rocketmq.v2.SendMessageRequest;
import apache.rocketmq.v2.SystemProperties;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.attribute.TopicMessageType;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.proxy.common.ProxyContext;
import org.apache.rocketmq.proxy.config.Configuration;
import org.apache.rocketmq.proxy.config.ConfigurationManager;
import org.apache.rocketmq.proxy.grpc.v2.route.RouteActivity;
import org.apache.rocketmq.proxy.processor.MessagingProcessor;
import org.apache.rocketmq.proxy.service.metadata.MetadataService;
import org.apache.rocketmq.proxy.service.route.AddressableMessageQueue;
import org.apache.rocketmq.proxy.service.route.MessageQueueView;
import org.apache.rocketmq.proxy.service.route.ProxyTopicRouteData;
import org.apache.rocketmq.remoting.protocol.route.TopicRouteData;

/**
 * Says which queue the Java client, and which queue a proxy, picks for a key, and which route a proxy gives to its
 * clients. It reads lines from standard input and answers each with one line. All texts are in base64.
 *
 * <pre>
 * route TEXT   takes the answer of a name server to GET_ROUTEINFO_BY_TOPIC; prints the proxy's QueryRouteResponse
 * java KEY     prints what SelectMessageQueueByHash picks from the list that the client makes of the route
 * proxy KEY    prints what the proxy picks for a message of that group
 * </pre>
 */
public final class Remoting {
    private static final String TOPIC = "vectors";

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // libraries log
        Path config = Files.createTempFile("rmq-proxy", ".json"); // all defaults
        Files.writeString(config, "{}");
        System.setProperty(Configuration.CONFIG_PATH_PROPERTY, config.toString());
        ConfigurationManager.initEnv();
        ConfigurationManager.initConfig();
        Files.delete(config);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        byte[] route = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            byte[] text = Base64.getDecoder().decode(words[1]);
            switch (words[0]) {
                case "route":
                    route = text;
                    out.println(Base64.getEncoder().encodeToString(queryRoute(route).toByteArray()));
                    break;
                case "java":
                    out.println(byClient(parse(route), new String(text, StandardCharsets.UTF_8)));
                    break;
                case "proxy":
                    out.println(byProxy(parse(route), new String(text, StandardCharsets.UTF_8)));
                    break;
                default:
                    throw new IllegalArgumentException(line);
            }
            out.flush();
        }
        System.exit(0);
    }

    /** A route of its own for each use: the client sorts it in place. */
    private static TopicRouteData parse(byte[] route) {
        return TopicRouteData.decode(route, TopicRouteData.class);
    }

    private static String byClient(TopicRouteData route, String key) {
        List<MessageQueue> queues = MQClientInstance.topicRouteData2TopicPublishInfo(TOPIC, route).getMessageQueueList();
        MessageQueue queue = new SelectMessageQueueByHash().select(queues, null, key);
        return queue.getBrokerName() + " " + queue.getQueueId();
    }

    private static String byProxy(TopicRouteData route, String key) {
        if (key.trim().isEmpty()) {
            return "none"; // to a proxy such a group is none, and it takes the queues in turn
        }
        SendMessageRequest request = SendMessageRequest.newBuilder().addMessages(Message.newBuilder()
            .setSystemProperties(SystemProperties.newBuilder().setMessageGroup(key))).build();
        MessageQueueView view = new MessageQueueView(TOPIC, route, null);
        AddressableMessageQueue queue = new SendMessageActivity.SendMessageQueueSelector(request).select(null, view);
        return queue.getBrokerName() + " " + queue.getQueueId();
    }

    private static QueryRouteResponse queryRoute(byte[] route) throws Exception {
        MetadataService metadata = stub(MetadataService.class, name -> {
            return TopicMessageType.FIFO; // getTopicMessageType
        });
        MessagingProcessor processor = stub(MessagingProcessor.class, name -> {
            return name.equals("getMetadataService") ? metadata : new ProxyTopicRouteData(parse(route));
        });
        QueryRouteRequest request = QueryRouteRequest.newBuilder()
            .setTopic(Resource.newBuilder().setName(TOPIC))
            .setEndpoints(Endpoints.newBuilder().setScheme(AddressScheme.IPv4))
            .build();
        return new RouteActivity(processor, null, null).queryRoute(ProxyContext.create().setClientID("vectors"), request).get();
    }

    private interface Answer {
        Object to(String method);
    }

    private static <T> T stub(Class<T> type, Answer answer) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type},
            (proxy, method, args) -> answer.to(method.getName())));
    }
}
