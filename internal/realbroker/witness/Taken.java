import java.util.ArrayList;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;

import org.apache.rocketmq.common.message.MessageExt;

/** Taken is what the listeners of a case were given, in that order. Threads may share it. */
final class Taken {
    private final List<MessageExt> all = new ArrayList<>();
    private final List<Long> times = new ArrayList<>();
    /** Says of a delivery, and how many there were of its body with it, whether it succeeds. */
    private final BiPredicate<MessageExt, Integer> succeeds;

    Taken() {
        this((message, times) -> true);
    }

    Taken(BiPredicate<MessageExt, Integer> succeeds) {
        this.succeeds = succeeds;
    }

    synchronized boolean take(MessageExt message) {
        all.add(message);
        times.add(System.currentTimeMillis());
        String body = Scene.body(message);
        return succeeds.test(message, (int) all.stream().filter(m -> Scene.body(m).equals(body)).count());
    }

    synchronized int size() {
        return all.size();
    }

    synchronized List<MessageExt> list() {
        return new ArrayList<>(all);
    }

    /** The bodies, sorted. */
    List<String> bodies() {
        return list().stream().map(Scene::body).sorted().collect(Collectors.toList());
    }

    /** The bodies of a queue with the numbers of their attempts, in the order of their deliveries. */
    List<String> inQueue(int id) {
        return list().stream().filter(m -> m.getQueueId() == id)
            .map(m -> Scene.body(m) + " attempt " + m.getReconsumeTimes()).collect(Collectors.toList());
    }

    /** Whether at least so many milliseconds were between two deliveries. */
    synchronized boolean apart(int first, int second, long least) {
        return times.get(second) - times.get(first) >= least;
    }
}
