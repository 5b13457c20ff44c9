import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/**
 * Peer measures the official Java client, as the candidates written in Go are measured: it reads tasks, one JSON
 * object a line (load.Task), and writes a sample in a line for each (peers.Reply).
 *
 * <pre>
 * java Peer sync|async|batch|autobatch-sync|autobatch-async NAMESERVER
 * </pre>
 *
 * The producer has its defaults. Messages carry the UUID as a property and as key, like those of all candidates.
 */
public final class Peer {
    private static final String UUID_PROPERTY = "_watermill_message_uuid";

    /** How many failed messages a measurement goes on with. */
    private static final long TOLERATED = 100_000;

    private final DefaultMQProducer producer = new DefaultMQProducer("java_bench");
    private final boolean async;

    private Peer(String kind, String nameServer) throws Exception {
        async = kind.endsWith("async");
        producer.setNamesrvAddr(nameServer);
        producer.setAutoBatch(kind.startsWith("autobatch"));
        producer.start();
    }

    public static void main(String[] args) throws Exception {
        // Libraries log to standard output: keep the real one for answers only.
        PrintStream out = System.out;
        System.setOut(System.err);
        Peer peer = new Peer(args[0], args[1]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(peer.reply(RemotingSerializable.fromJson(line, Task.class)));
            out.flush();
        }
        // The client's own threads are not daemons, and nobody waits for its goodbye.
        System.exit(0);
    }

    private String reply(Task task) {
        try {
            Phase warm = null;
            if (task.warmUp > 0) {
                warm = new Phase(task, task.warmUp);
                warm.run();
            }
            Phase measured = new Phase(task, task.length);
            long cpu = processCpu();
            measured.run();
            return measured.toJson(warm, processCpu() - cpu);
        } catch (Throwable t) {
            t.printStackTrace();
            return "{\"err\":" + quote(t.toString()) + "}";
        }
    }

    private static long processCpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }

    private static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') {
                b.append('\\');
            }
            b.append(c < ' ' ? ' ' : c);
        }
        return b.append('"').toString();
    }

    /** Task is load.Task. */
    public static final class Task {
        public String topic;
        public String body;
        public int callers;
        public int perCall;
        public int depth;
        public double rate;
        public long warmUp;
        public long length;
    }

    /** Phase is the warm-up or the measurement. */
    private final class Phase {
        private final Task task;
        private final byte[] body;
        private final long length;
        private final Histogram latency = new Histogram();
        private final AtomicLong confirmed = new AtomicLong();
        private final AtomicLong inTime = new AtomicLong();
        private final AtomicLong failed = new AtomicLong();
        private final AtomicLong ticket = new AtomicLong();
        private final AtomicReference<String> error = new AtomicReference<>();
        private final Semaphore places;
        private long begin;

        Phase(Task task, long length) throws Exception {
            this.task = task;
            this.length = length;
            body = Files.readAllBytes(Paths.get(task.body));
            places = new Semaphore(Math.max(task.depth, 1));
        }

        void run() throws Exception {
            List<Thread> threads = new ArrayList<>();
            AtomicBoolean interrupted = new AtomicBoolean();
            begin = System.nanoTime();
            for (int i = 0; i < task.callers; i++) {
                Thread t = new Thread(() -> {
                    try {
                        call();
                    } catch (InterruptedException e) {
                        interrupted.set(true);
                    }
                });
                threads.add(t);
                t.start();
            }
            for (Thread t : threads) {
                t.join();
            }
            // All places are free when the last answer has come.
            places.acquire(Math.max(task.depth, 1));
            if (interrupted.get() || confirmed.get() == 0 || failed.get() > TOLERATED) {
                throw new IllegalStateException(confirmed + " messages confirmed and " + failed
                    + " failed, the first with: " + error.get());
            }
        }

        /** One thread's calls, one after the other or at planned times, until the time is up. */
        private void call() throws InterruptedException {
            String[] uuids = new String[task.perCall];
            for (int i = 0; i < uuids.length; i++) {
                uuids[i] = UUID.randomUUID().toString();
            }
            for (long at = now(); at < length && failed.get() <= TOLERATED; at = now()) {
                if (task.rate > 0) {
                    at = (long) (ticket.getAndIncrement() * task.perCall / task.rate * 1e9);
                    if (at >= length) {
                        return;
                    }
                    for (long wait = at - now(); wait > 0; wait = at - now()) {
                        LockSupport.parkNanos(wait);
                    }
                }
                if (async) {
                    sendAsync(at, uuids[0]);
                } else {
                    sendSync(at, uuids);
                }
            }
        }

        private long now() {
            return System.nanoTime() - begin;
        }

        private Message message(String uuid) {
            Message m = new Message(task.topic, body);
            m.putUserProperty(UUID_PROPERTY, uuid);
            m.setKeys(uuid);
            return m;
        }

        private void sendSync(long at, String[] uuids) {
            try {
                SendResult result;
                if (uuids.length == 1) {
                    result = producer.send(message(uuids[0]));
                } else {
                    List<Message> batch = new ArrayList<>(uuids.length);
                    for (String uuid : uuids) {
                        batch.add(message(uuid));
                    }
                    result = producer.send(batch);
                }
                end(at, result, null);
            } catch (Exception e) {
                end(at, null, e);
            }
        }

        private void sendAsync(long planned, String uuid) throws InterruptedException {
            places.acquire();
            // Waiting for a place is no part of a closed loop's latency.
            long at = task.rate > 0 ? planned : now();
            try {
                producer.send(message(uuid), new SendCallback() {
                    @Override
                    public void onSuccess(SendResult result) {
                        end(at, result, null);
                        places.release();
                    }

                    @Override
                    public void onException(Throwable e) {
                        end(at, null, e);
                        places.release();
                    }
                });
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) {
                end(at, null, e);
                places.release();
            }
        }

        private void end(long at, SendResult result, Throwable e) {
            long now = now();
            latency.record(now - at);
            if (result != null && result.getSendStatus() == SendStatus.SEND_OK) {
                confirmed.addAndGet(task.perCall);
                if (now <= length) {
                    inTime.addAndGet(task.perCall);
                }
                return;
            }
            failed.addAndGet(task.perCall);
            error.compareAndSet(null, e != null ? e.toString() : String.valueOf(result));
        }

        /** load.Sample, in a peers.Reply. */
        String toJson(Phase warm, long cpu) {
            long before = warm == null ? 0 : warm.confirmed.get();
            long failedBefore = warm == null ? 0 : warm.failed.get();
            String first = warm == null || warm.error.get() == null ? error.get() : warm.error.get();
            return "{\"sample\":{\"acknowledged\":" + (before + confirmed.get())
                + ",\"failed\":" + (failedBefore + failed.get())
                + ",\"err\":" + quote(first == null ? "" : first)
                + ",\"measured\":" + confirmed.get()
                + ",\"inTime\":" + inTime.get()
                + ",\"length\":" + length
                + ",\"cpu\":" + cpu
                + ",\"mallocs\":-1"
                + ",\"latency\":" + latency.toJson() + "}}";
        }
    }

    /** Histogram has the buckets of load.Histogram. */
    private static final class Histogram {
        private static final int SUB_BITS = 8;
        private static final int SUB = 1 << SUB_BITS;
        private static final int BUCKETS = (42 - SUB_BITS + 1) * SUB;

        private final AtomicIntegerArray counts = new AtomicIntegerArray(BUCKETS);

        void record(long nanos) {
            counts.incrementAndGet(bucketOf(Math.max(nanos, 0)));
        }

        private static int bucketOf(long v) {
            if (v < SUB) {
                return (int) v;
            }
            int shift = 64 - Long.numberOfLeadingZeros(v) - SUB_BITS - 1;
            return Math.min((shift + 1) * SUB + (int) (v >> shift) - SUB, BUCKETS - 1);
        }

        String toJson() {
            StringBuilder b = new StringBuilder("[");
            for (int i = 0; i < BUCKETS; i++) {
                if (counts.get(i) > 0) {
                    b.append(b.length() > 1 ? "," : "").append('[').append(i).append(',').append(counts.get(i)).append(']');
                }
            }
            return b.append(']').toString();
        }
    }
}
