import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import org.apache.rocketmq.client.impl.MQClientManager;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.remoting.netty.NettySystemConfig;

/**
 * Patience has every client of this process wait for an answer for minutes. On a busy machine a server, or a thread of the
 * client, may stand still for many seconds. The clients themselves give up after one to six, and many of their limits are
 * constants. Then they do not only fail: they send twice, commit nothing, or take a topic for one that does not exist.
 */
final class Patience {
    /** How long a call may take. */
    static final int CALL_TIMEOUT_MS = 120_000;

    private Patience() {
    }

    /** It is for before the first client. */
    static void begin() throws ReflectiveOperationException {
        NettySystemConfig.connectTimeoutMillis = CALL_TIMEOUT_MS;
        // A client whose request runs out of time cuts the connection, and with it what else is under way.
        NettySystemConfig.clientCloseSocketIfTimeout = false;
        set(MQClientManager.getInstance(), "factoryTable", new PatientClients());
    }

    /** The clients of the process. Each is put in before it is used. */
    private static final class PatientClients extends ConcurrentHashMap<String, MQClientInstance> {
        @Override
        public MQClientInstance putIfAbsent(String id, MQClientInstance client) {
            try {
                makePatient(client);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("this version's clients are made in another way", e);
            }
            return super.putIfAbsent(id, client);
        }
    }

    private static void makePatient(MQClientInstance client) throws ReflectiveOperationException {
        client.getMQAdminImpl().setTimeoutMillis(CALL_TIMEOUT_MS);
        // It sends what consumers send back.
        client.getDefaultMQProducer().setSendMsgTimeout(CALL_TIMEOUT_MS);
        set(client, "lockNamesrv", new PatientLock());
        Object api = client.getMQClientAPIImpl();
        Object remoting = client.getMQClientAPIImpl().getRemotingClient();
        set(remoting, "lockChannelTables", new PatientLock());
        set(remoting, "namesrvChannelLock", new PatientLock());
        Class<?> type = field(api, "remotingClient").getType();
        set(api, "remotingClient", Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, args) -> {
            for (int i = 0; args != null && i < args.length; i++) {
                if (method.getParameterTypes()[i] == long.class) { // only time-outs are
                    args[i] = Math.max((Long) args[i], CALL_TIMEOUT_MS);
                }
            }
            try {
                return method.invoke(remoting, args);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }));
    }

    /** Threads of a client give up on a lock after three seconds, while another may wait for an answer with it. */
    private static final class PatientLock extends ReentrantLock {
        @Override
        public boolean tryLock(long timeout, TimeUnit unit) throws InterruptedException {
            return super.tryLock(2L * CALL_TIMEOUT_MS, TimeUnit.MILLISECONDS);
        }
    }

    private static void set(Object object, String name, Object value) throws ReflectiveOperationException {
        field(object, name).set(object, value);
    }

    private static Field field(Object object, String name) throws ReflectiveOperationException {
        Field field = object.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }
}
