import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;

/** TransactionPlays are the ends of transactions. */
final class TransactionPlays {
    private TransactionPlays() {
    }

    static void addTo(Map<String, Plays.Play> all) {
        all.put("transaction-commit", scene -> decided(scene, LocalTransactionState.COMMIT_MESSAGE, 2));
        all.put("transaction-rollback", scene -> decided(scene, LocalTransactionState.ROLLBACK_MESSAGE, 1));
        all.put("transaction-check", TransactionPlays::checked);
    }

    private static TransactionMQProducer producer(Scene scene, LocalTransactionState executed,
        Function<MessageExt, LocalTransactionState> check) throws Exception {
        TransactionMQProducer producer = scene.transactions();
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object arg) {
                return executed;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                return check.apply(message);
            }
        });
        scene.start(producer);
        Scene.introduce(producer, scene.topic, scene.masters);
        return producer;
    }

    /** A message after it shows that the one before is not there. */
    private static void decided(Scene scene, LocalTransactionState state, int expect) throws Exception {
        scene.createTopic(1);
        // A broker that comes to the decision late may ask before. It takes every decision that it is told.
        TransactionMQProducer producer = producer(scene, state, message -> LocalTransactionState.UNKNOW);
        TransactionSendResult result = producer.sendMessageInTransaction(scene.message("decided"), null);
        scene.see("decided", result.getLocalTransactionState().name());
        scene.see("sent", result.getSendStatus().name()); // its offset is that in a topic of all transactions
        scene.see("id", result.getTransactionId().equals(result.getMsgId()));
        if (expect == 2) {
            scene.stored(scene.topic, 1);
        }
        producer.send(scene.message("normal"));
        scene.seeStored(scene.topic, expect, true);
    }

    private static void checked(Scene scene) throws Exception {
        scene.createTopic(1);
        AtomicReference<String> first = new AtomicReference<>();
        TransactionMQProducer producer = producer(scene, LocalTransactionState.UNKNOW, message -> {
            if (Scene.body(message).equals("rolled-back")) {
                return LocalTransactionState.ROLLBACK_MESSAGE;
            }
            // Threads may come to the checks in any order. And brokers go on asking until they have written the decision down,
            // and would deliver the message once for each commit.
            switch (message.getProperty(MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES)) {
                case "1":
                    first.set(Scene.text(message, true));
                    return LocalTransactionState.UNKNOW;
                case "2":
                    return LocalTransactionState.COMMIT_MESSAGE;
                default:
                    return LocalTransactionState.UNKNOW;
            }
        });
        producer.sendMessageInTransaction(scene.message("rolled-back"), null);
        producer.sendMessageInTransaction(scene.message("checked"), null);
        scene.seeStored(scene.topic, 1, true);
        Scene.await("the first check", () -> first.get() != null);
        scene.see("first check", first.get());
    }
}
