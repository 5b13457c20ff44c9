import apache.rocketmq.v2.QueryRouteResponse;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.rocketmq.client.java.impl.producer.PublishingLoadBalancer;
import org.apache.rocketmq.client.java.route.MessageQueueImpl;
import org.apache.rocketmq.client.java.route.TopicRouteData;

/**
 * Says which queue the Java client of RocketMQ 5 (gRPC) picks for a message group. It reads lines from standard input
 * and answers each with one line. All texts are in base64.
 *
 * <pre>
 * route BYTES  takes the QueryRouteResponse of a proxy; prints nothing of interest
 * grpc KEY     prints what the client picks
 * </pre>
 */
public final class Grpc {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PublishingLoadBalancer balancer = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            byte[] text = Base64.getDecoder().decode(words[1]);
            switch (words[0]) {
                case "route":
                    QueryRouteResponse route = QueryRouteResponse.parseFrom(text);
                    balancer = new PublishingLoadBalancer(new TopicRouteData(route.getMessageQueuesList()));
                    System.out.println("ok");
                    break;
                case "grpc":
                    MessageQueueImpl queue = balancer.takeMessageQueueByMessageGroup(new String(text, StandardCharsets.UTF_8));
                    System.out.println(queue.getBroker().getName() + " " + queue.getQueueId());
                    break;
                default:
                    throw new IllegalArgumentException(line);
            }
            System.out.flush();
        }
        System.exit(0);
    }
}
