import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.common.message.MessageQueue;

/** Writes to the file that it is given, for numbers of queues and members, the first queue and the number of queues of each member. */
public class Allocate {
    public static void main(String[] args) throws IOException {
        StringBuilder text = new StringBuilder();
        AllocateMessageQueueAveragely strategy = new AllocateMessageQueueAveragely();
        for (int queues = 1; queues <= 20; queues++) {
            for (int members = 1; members <= 24; members++) {
                List<MessageQueue> all = new ArrayList<>();
                for (int i = 0; i < queues; i++) {
                    all.add(new MessageQueue("t", "b", i));
                }
                List<String> ids = new ArrayList<>();
                for (int i = 0; i < members; i++) {
                    ids.add(String.format("c%02d", i));
                }
                StringBuilder line = new StringBuilder(queues + " " + members + ":");
                for (String id : ids) {
                    List<MessageQueue> share = strategy.allocate("g", id, all, ids);
                    line.append(share.isEmpty() ? " -" : " " + share.get(0).getQueueId() + "+" + share.size());
                }
                text.append(line).append("\n");
            }
        }
        Files.writeString(Path.of(args[0]), text);
    }
}
