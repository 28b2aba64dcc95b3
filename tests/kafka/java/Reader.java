/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads topics from their start to the end they have now, with the official consumer, no group. */
final class Reader {
    private static final Duration STALL_MAX = Duration.ofSeconds(240);

    private Reader() {
    }

    /** Hands every record to `sink`, in order per partition. */
    static void read(Properties client, List<TopicPartition> partitions,
            Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        Properties properties = new Properties();
        properties.putAll(client);
        properties.putIfAbsent("max.poll.records", "20000");
        properties.putIfAbsent("max.partition.fetch.bytes", "8388608");
        properties.put("enable.auto.commit", "false");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties,
                new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            readToEnds(consumer, new HashMap<>(consumer.endOffsets(partitions)), sink);
        }
    }

    private static void readToEnds(KafkaConsumer<byte[], byte[]> consumer,
            Map<TopicPartition, Long> ends, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        long stalledSince = System.nanoTime();
        while (true) {
            ends.entrySet().removeIf(end -> consumer.position(end.getKey()) >= end.getValue());
            if (ends.isEmpty()) {
                return;
            }
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
            records.forEach(sink);
            if (!records.isEmpty()) {
                stalledSince = System.nanoTime();
            } else if (System.nanoTime() - stalledSince > STALL_MAX.toNanos()) {
                throw new IllegalStateException("nothing read for " + STALL_MAX
                        + ", still to reach: " + ends);
            }
        }
    }

    /** All partitions of the topics PREFIX0, PREFIX1, … */
    static List<TopicPartition> partitions(String prefix, int topicCount, int partitionCount) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (int topic = 0; topic < topicCount; topic++) {
            partitions.addAll(partitionsOf(prefix + topic, partitionCount));
        }
        return partitions;
    }

    static List<TopicPartition> partitionsOf(String topic, int partitionCount) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (int partition = 0; partition < partitionCount; partition++) {
            partitions.add(new TopicPartition(topic, partition));
        }
        return partitions;
    }
}
