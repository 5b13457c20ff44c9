import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Plays are the cases that a witness can put a cluster to. Each has a scene of its own, goes on in a thread of its own, and
 * notes what it sees, which is the same wherever the servers do the same.
 */
final class Plays {
    /** Play is a case. */
    interface Play {
        void in(Scene scene) throws Exception;
    }

    private static final int CALL_TIMEOUT_MS = Patience.CALL_TIMEOUT_MS;

    private final String nameServers;
    private final RPCHook hook;
    private final String instanceName;
    private final DefaultMQAdminExt admin;
    private final Map<String, Play> all = new LinkedHashMap<>();
    private final Map<String, Running> running = new HashMap<>();

    /** Running is a case that was begun. */
    private static final class Running {
        Thread thread;
        /** Read after the end of the thread. */
        List<Witness.Json> lines;
        String failure;
    }

    Plays(String nameServers, RPCHook hook, String instanceName) throws MQClientException {
        this.nameServers = nameServers;
        this.hook = hook;
        this.instanceName = instanceName;
        SendPlays.addTo(all);
        TransactionPlays.addTo(all);
        RequestPlays.addTo(all);
        PushPlays.addTo(all);
        RetryPlays.addTo(all);
        PopPlays.addTo(all);
        StartPlays.addTo(all);
        PullPlays.addTo(all);
        QueryPlays.addTo(all);
        admin = new DefaultMQAdminExt(hook, CALL_TIMEOUT_MS);
        admin.setNamesrvAddr(nameServers);
        admin.setInstanceName(instanceName);
        admin.start();
    }

    /** Begins a case under a name, that of its scene. */
    void begin(String play, String name) {
        Play p = all.get(play);
        if (p == null || running.containsKey(name)) {
            throw new IllegalArgumentException("no case, or one that was begun before: " + play + " as " + name);
        }
        Running r = new Running();
        // It ends with the process, or before.
        r.thread = new Thread(() -> {
            Scene scene = new Scene(name, nameServers, hook, instanceName + "-" + name, admin);
            try {
                p.in(scene);
            } catch (Throwable t) {
                t.printStackTrace();
                r.failure = t.toString();
            } finally {
                scene.close();
            }
            r.lines = new ArrayList<>(scene.lines());
        }, name);
        r.thread.setDaemon(true);
        running.put(name, r);
        r.thread.start();
    }

    void print(String name, Witness.Output out) throws InterruptedException {
        Running r = running.get(name);
        if (r == null) {
            throw new IllegalArgumentException("the case was not begun");
        }
        r.thread.join(1); // 0 would be without end
        if (r.thread.isAlive()) {
            out.print(new Witness.Json().put("playing", true));
            return;
        }
        r.lines.forEach(out::print);
        if (r.failure != null) {
            out.print(new Witness.Json().put("failure", r.failure));
        }
    }
}
