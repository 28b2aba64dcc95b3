/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Produces the expected records with the official producer: `ControlProducer --bootstrap HOST:PORT
 * --seed N --first-ms N --records N --prefix TEXT --topics N [-X name=value]…`. It shows that
 * harness, oracle and embedded broker agree with a producer that is not ours. `damaged` spoils one
 * record on purpose, so that the oracle can be seen to complain.
 */
final class ControlProducer {
    private ControlProducer() {
    }

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Expected expected = new Expected(arguments);
        produce(arguments.client(), expected, "nothing", -1);
        System.out.println(expected.recordCount + " persisted");
    }

    /** Produces all records; the one at `victim` is spoilt as `damage` says. */
    static void produce(Properties client, Expected expected, String damage, long victim)
            throws Exception {
        Properties properties = new Properties();
        properties.put("linger.ms", "5");
        properties.put("batch.size", "131072");
        // The oracle is what is tried here: with one request in flight this client can not get
        // stuck behind batches that a young topic refused (OUT_OF_ORDER, retried for ever).
        properties.put("max.in.flight.requests.per.connection", "1");
        properties.put("max.block.ms", "240000");
        properties.put("delivery.timeout.ms", "240000");
        properties.putAll(client);
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties,
                new ByteArraySerializer(), new ByteArraySerializer())) {
            ProducerRecord<byte[], byte[]> held = null;
            for (long index = 0; index < expected.recordCount; index++) {
                for (ProducerRecord<byte[], byte[]> record : index == victim
                        ? damaged(expected, index, damage) : List.of(intact(expected, index))) {
                    if (index == victim && damage.equals("reordered")) {
                        held = record;
                        continue;
                    }
                    producer.send(record, (metadata, error) -> {
                        if (error != null) {
                            failure.set(error);
                        }
                    });
                }
            }
            if (held != null) {
                producer.send(held);
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
    }

    private static ProducerRecord<byte[], byte[]> intact(Expected expected, long index) {
        return new ProducerRecord<>(expected.topic(index), null, expected.timestampMs(index),
                expected.key(index), expected.value(index), expected.headers(index));
    }

    /** `damage` is a kind of complaint of Verifier: the one that must follow. */
    private static List<ProducerRecord<byte[], byte[]>> damaged(Expected expected, long index,
            String damage) {
        ProducerRecord<byte[], byte[]> one = intact(expected, index);
        byte[] key = expected.key(index);
        switch (damage) {
            case "lost":
                return List.of();
            case "duplicate":
                return List.of(one, intact(expected, index));
            case "partition":
                return List.of(changed(one, -1, one.timestamp(), key, one.value()));
            case "timestamp":
                return List.of(changed(one, null, one.timestamp() + 1, key, one.value()));
            case "key":
                return List.of(changed(one, 0, one.timestamp(), new byte[] {1, 2}, one.value()));
            case "value":
                return List.of(changed(one, null, one.timestamp(), key, new byte[] {0}));
            case "headers":
                one.headers().add(new RecordHeader("extra", null));
                return List.of(one);
            case "stranger":
                one.headers().remove(Expected.INDEX_HEADER);
                return List.of(one);
            default:
                return List.of(one);
        }
    }

    /** A partition of -1 means: one that the key would not choose, of two. */
    private static ProducerRecord<byte[], byte[]> changed(ProducerRecord<byte[], byte[]> one,
            Integer partition, long timestampMs, byte[] key, byte[] value) {
        Integer chosen = partition;
        if (partition != null && partition == -1) {
            chosen = 1 - Controls.partitionOf(key);
        }
        Iterable<Header> headers = one.headers();
        return new ProducerRecord<>(one.topic(), chosen, timestampMs, key, value, headers);
    }
}
