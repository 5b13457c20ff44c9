import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.constant.PermName;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Masters are the masters of a cluster, as an admin client administers them. Threads may share it. */
final class Masters {
    private static final int CALL_TIMEOUT_MS = Patience.CALL_TIMEOUT_MS;

    private final DefaultMQAdminExt admin;

    Masters(DefaultMQAdminExt admin) {
        this.admin = admin;
    }

    Set<String> addresses() throws Exception {
        Set<String> addresses = new TreeSet<>();
        admin.examineBrokerClusterInfo().getBrokerAddrTable().values().forEach(broker -> {
            String master = broker.getBrokerAddrs().get(0L);
            if (master != null) {
                addresses.add(master);
            }
        });
        return addresses;
    }

    void createTopic(String name, int queues, Map<String, String> attributes) throws Exception {
        TopicConfig config = new TopicConfig(name, queues, queues, PermName.PERM_READ | PermName.PERM_WRITE);
        if (!attributes.isEmpty()) {
            // Topics have attributes from 5.0 on.
            Method setAttributes = TopicConfig.class.getMethod("setAttributes", Map.class);
            setAttributes.invoke(config, new HashMap<>(attributes));
        }
        for (String address : addresses()) {
            admin.createAndUpdateTopicConfig(address, config);
        }
    }

    /** Creates a group whose failed messages are tried again so often, the broker's default if that is negative. */
    void createGroup(String name, int retryMaxTimes) throws Exception {
        for (String address : addresses()) {
            // The class of its second parameter moved.
            Method create = Witness.methodOf(admin, "createAndUpdateSubscriptionGroupConfig");
            Class<?> type = create.getParameterTypes()[1];
            Object config = type.getConstructor().newInstance();
            type.getMethod("setGroupName", String.class).invoke(config, name);
            if (retryMaxTimes >= 0) {
                type.getMethod("setRetryMaxTimes", int.class).invoke(config, retryMaxTimes);
            }
            create.invoke(admin, address, config);
        }
    }

    /** Makes every master hand out the topic to the group by POP. The group is created, since it has to be there. */
    void requestPop(String topic, String group, int share) throws Exception {
        createGroup(group, -1);
        for (String address : addresses()) {
            // The method, and the enum it takes, exist from 5.0 on.
            Method request = Witness.methodOf(admin, "setMessageRequestMode");
            request.invoke(admin, address, topic, group,
                Witness.constant(request.getParameterTypes()[3], "POP"), share, CALL_TIMEOUT_MS);
        }
    }
}
