/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Runs in which the oracle must complain: `Controls --bootstrap HOST:PORT`. Each spoils one record
 * on its way into Kafka; a run passes if the verifier names the damage, and the undamaged run only
 * if it names none.
 */
final class Controls {
    private static final int PARTITION_COUNT = 2;
    private static final long RECORD_COUNT = 2000;
    private static final List<String> DAMAGES = List.of("nothing", "lost", "duplicate", "reordered",
            "partition", "timestamp", "key", "value", "headers", "stranger");

    private Controls() {
    }

    static int partitionOf(byte[] key) {
        return BuiltInPartitioner.partitionForKey(key, PARTITION_COUNT);
    }

    public static void main(String[] words) throws Exception {
        Properties client = new Arguments(words).client();
        boolean passed = true;
        for (String damage : DAMAGES) {
            Map<String, Long> complaints = complaintsAfter(client, damage);
            boolean right = damage.equals("nothing") ? complaints.isEmpty()
                    : complaints.containsKey(damage);
            passed &= right;
            System.out.println((right ? "ok: " : "FAILED: ") + "expected a complaint of " + damage
                    + ", seen " + complaints);
        }
        System.exit(passed ? 0 : 1);
    }

    private static Map<String, Long> complaintsAfter(Properties client, String damage)
            throws Exception {
        Expected expected = new Expected(7, System.currentTimeMillis(), RECORD_COUNT,
                "control-" + damage + "-", 1);
        try (Admin admin = Admin.create(client)) {
            admin.createTopics(List.of(
                    new NewTopic(expected.topic(0), PARTITION_COUNT, (short) 1))).all().get();
        }
        ControlProducer.produce(client, expected, damage, RECORD_COUNT / 2);
        Verifier verifier = new Verifier(expected, PARTITION_COUNT, null);
        Reader.read(client, Reader.partitions(expected.topicPrefix, 1, PARTITION_COUNT),
                verifier::accept);
        return verifier.finish();
    }
}
