import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/**
 * Consumer measures the push consumer of the official Java client, as the candidates written in Go are measured: it
 * reads tasks, one JSON object a line (meter.Task), and writes replies (meter.Reply).
 *
 * <pre>
 * java Consumer pull|pop NAMESERVER
 * </pre>
 *
 * The consumer has its defaults. For pop the broker was told to have the group pop (SET_MESSAGE_REQUEST_MODE).
 */
public final class Consumer {
    private static final long PROBE = Long.MAX_VALUE;

    /** How long acknowledgements under way have before the consumer leaves. */
    private static final long SETTLE_MILLIS = 500;

    private final boolean pop;
    private final String nameServer;
    private final PrintStream out;

    private Consumer(String kind, String nameServer, PrintStream out) {
        pop = kind.equals("pop");
        this.nameServer = nameServer;
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        // Libraries log to standard output: keep the real one for answers only.
        PrintStream out = System.out;
        System.setOut(System.err);
        Consumer consumer = new Consumer(args[0], args[1], out);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            consumer.write(consumer.reply(RemotingSerializable.fromJson(line, Task.class)));
        }
        // The client's own threads are not daemons, and nobody waits for its goodbye.
        System.exit(0);
    }

    private synchronized void write(String reply) {
        out.println(reply);
        out.flush();
    }

    private String reply(Task task) {
        try {
            Meter meter = new Meter(task);
            consume(task, meter);
            return meter.toJson();
        } catch (Throwable t) {
            t.printStackTrace();
            return "{\"err\":\"" + t.toString().replaceAll("[\"\\\\\\p{Cntrl}]", " ") + "\"}";
        }
    }

    private void consume(Task task, Meter meter) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(task.group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        if (pop) {
            consumer.setClientRebalance(false);
        }
        consumer.subscribe(task.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                meter.consumed(message.getBody());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        try {
            meter.await();
            Thread.sleep(SETTLE_MILLIS);
        } finally {
            consumer.shutdown();
        }
    }

    /** Task is meter.Task. */
    public static final class Task {
        public String topic;
        public String group;
        public int queues;
        public long first;
        public int messages;
        public boolean arrivals;
        public int brokerPid;
        public long limit;
    }

    /** Meter is meter.Meter. */
    private final class Meter {
        private final Task task;
        private final long begin = System.nanoTime();
        private final long low;
        private final long high;
        private final AtomicIntegerArray taken;
        private final AtomicLongArray arrivals;
        private final AtomicLong seen = new AtomicLong();
        private final AtomicLong duplicates = new AtomicLong();
        private final AtomicLong strays = new AtomicLong();
        private final AtomicLong start = new AtomicLong();
        private final AtomicLong total = new AtomicLong();
        private final AtomicLong probes = new AtomicLong();
        private final CountDownLatch lowRead = new CountDownLatch(1);
        private final CountDownLatch highRead = new CountDownLatch(1);
        private final CountDownLatch done = new CountDownLatch(1);
        private volatile Reading from;
        private volatile Reading to;

        Meter(Task task) {
            this.task = task;
            low = Math.max(task.messages / 10, 1);
            high = Math.max(task.messages * 9L / 10, 2);
            taken = new AtomicIntegerArray(task.messages);
            arrivals = new AtomicLongArray(task.arrivals ? task.messages : 0);
        }

        /** A message counts as acknowledged when the listener is about to say so. */
        void consumed(byte[] body) {
            long number = body.length < Long.BYTES ? -1 : ByteBuffer.wrap(body).getLong();
            if (number == PROBE) {
                if (probes.incrementAndGet() == 1 && task.arrivals) {
                    write("{\"ready\":true}");
                }
                return;
            }
            long at = number - task.first;
            if (at < 0 || at >= task.messages) {
                strays.incrementAndGet();
                return;
            }
            if (!taken.compareAndSet((int) at, 0, 1)) {
                duplicates.incrementAndGet();
                return;
            }
            if (task.arrivals) {
                Instant now = Instant.now();
                arrivals.set((int) at, now.getEpochSecond() * 1_000_000_000L + now.getNano());
            }
            count(seen.incrementAndGet());
        }

        private void count(long now) {
            if (now == 1) {
                start.set(System.nanoTime() - begin);
            }
            if (now == low) {
                from = new Reading();
                lowRead.countDown();
            }
            if (now == high) {
                to = new Reading();
                highRead.countDown();
            }
            if (now == task.messages) {
                total.set(System.nanoTime() - begin);
                done.countDown();
            }
        }

        void await() throws InterruptedException {
            done.await(task.limit, TimeUnit.NANOSECONDS);
        }

        /** Reading is what the clocks say. */
        private final class Reading {
            final long cpu = ((com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory
                .getOperatingSystemMXBean()).getProcessCpuTime();
            final long broker = task.brokerPid == 0 ? 0 : cpuOf(task.brokerPid);
            final long at = System.nanoTime();
            final long acked = seen.get();
        }

        /** meter.Sample, in a meter.Reply. */
        String toJson() throws InterruptedException {
            if (done.getCount() > 0) {
                throw new IllegalStateException(seen + " of " + task.messages + " messages were acknowledged");
            }
            lowRead.await();
            highRead.await();
            if (strays.get() > 0 && !task.arrivals) {
                throw new IllegalStateException(strays + " messages that are not in the topic");
            }
            if (to.acked <= from.acked || to.at <= from.at) {
                throw new IllegalStateException(task.messages + " messages are too few to be measured");
            }
            StringBuilder b = new StringBuilder("{\"sample\":{\"seen\":").append(seen)
                .append(",\"duplicates\":").append(duplicates)
                .append(",\"start\":").append(start)
                .append(",\"total\":").append(total)
                .append(",\"measured\":").append(to.acked - from.acked)
                .append(",\"length\":").append(to.at - from.at)
                .append(",\"cpu\":").append(to.cpu - from.cpu)
                .append(",\"brokerCpu\":").append(task.brokerPid == 0 ? -1 : to.broker - from.broker)
                .append(",\"mallocs\":-1");
            if (task.arrivals) {
                b.append(",\"arrivals\":[");
                for (int i = 0; i < arrivals.length(); i++) {
                    b.append(i > 0 ? "," : "").append(arrivals.get(i));
                }
                b.append(']');
            }
            return b.append("}}").toString();
        }
    }

    /** Processor time of a process in nanoseconds, from fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
    private static long cpuOf(int pid) {
        try {
            String stat = new String(Files.readAllBytes(Paths.get("/proc/" + pid + "/stat")), StandardCharsets.UTF_8);
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * 10_000_000L;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
