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
    private static final long VICTIM = RECORD_COUNT / 2;
    private static final List<String> DAMAGES = List.of("nothing", "lost", "duplicate", "reordered",
            "partition", "timestamp", "key", "value", "headers", "stranger");

    private Controls() {
    }

    static int partitionOf(byte[] key) {
        return BuiltInPartitioner.partitionForKey(key, PARTITION_COUNT);
    }

    public static void main(String[] words) throws Exception {
        Properties client = new Arguments(words).client();
        long firstMs = System.currentTimeMillis();
        boolean passed = true;
        for (String damage : DAMAGES) {
            Expected expected = produce(client, damage, firstMs);
            Map<String, Long> complaints = complaints(client, expected, Changes.NONE);
            boolean right = damage.equals("nothing") ? complaints.isEmpty()
                    : complaints.containsKey(damage);
            passed &= told(right, "a complaint of " + damage, complaints);
            if (damage.equals("lost")) {
                // The topic was made anew just after, or just before the record that is not there.
                complaints = complaints(client, expected, renewed(expected, VICTIM + 1));
                passed &= told(complaints.isEmpty(), "no complaint of an older topic", complaints);
                complaints = complaints(client, expected, renewed(expected, VICTIM));
                passed &= told(complaints.containsKey(damage), "one of the new topic", complaints);
            }
        }
        System.exit(passed ? 0 : 1);
    }

    private static boolean told(boolean right, String wanted, Map<String, Long> seen) {
        System.out.println((right ? "ok: " : "FAILED: ") + "expected " + wanted + ", seen " + seen);
        return right;
    }

    private static Changes renewed(Expected expected, long index) {
        return new Changes(new Arguments(
                new String[] {"--renewed", expected.topic(0) + ":" + index}));
    }

    private static Expected produce(Properties client, String damage, long firstMs)
            throws Exception {
        Expected expected = new Expected(7, firstMs, RECORD_COUNT, "control-" + damage + "-", 1);
        try (Admin admin = Admin.create(client)) {
            admin.createTopics(List.of(
                    new NewTopic(expected.topic(0), PARTITION_COUNT, (short) 1))).all().get();
        }
        ControlProducer.produce(client, expected, damage, VICTIM);
        return expected;
    }

    private static Map<String, Long> complaints(Properties client, Expected expected,
            Changes changes) {
        Verifier verifier = new Verifier(expected, PARTITION_COUNT, null, changes);
        Reader.read(client, Reader.partitions(expected.topicPrefix, 1, PARTITION_COUNT),
                verifier::accept);
        return verifier.finish();
    }
}
