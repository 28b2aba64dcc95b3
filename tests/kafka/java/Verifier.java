/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/**
 * Compares what a consumer reads with what was produced. Every record must be there as its outcome
 * says (persisted: once; not persisted: never; unknown: at most once), in its partition in the
 * order of production, with the same bytes. All differences are counted by kind; the first few
 * of each kind are told in full.
 */
final class Verifier {
    private static final int TOLD_PER_KIND = 3;

    private final Expected expected;
    private final Reports reports;
    private final int partitionCount;
    private final Changes changes;
    private final byte[] timesSeen;
    private final Map<TopicPartition, Long> newestIndex = new HashMap<>();
    private final Map<String, Long> complaintCounts = new TreeMap<>();
    private final StringBuilder told = new StringBuilder();
    private long recordsRead;

    /** @param reports what the producer said of each record, or null: all persisted */
    Verifier(Expected expected, int partitionCount, Reports reports) {
        this(expected, partitionCount, reports, Changes.NONE);
    }

    Verifier(Expected expected, int partitionCount, Reports reports, Changes changes) {
        this.changes = changes;
        this.expected = expected;
        this.partitionCount = partitionCount;
        this.reports = reports;
        this.timesSeen = new byte[Math.toIntExact(expected.recordCount)];
    }

    void accept(ConsumerRecord<byte[], byte[]> record) {
        recordsRead++;
        String place = record.topic() + "-" + record.partition() + "@" + record.offset();
        Header header = record.headers().lastHeader(Expected.INDEX_HEADER);
        if (header == null || header.value() == null || header.value().length != 8) {
            complain("stranger", place + ": no record of this run: it has no index header");
            return;
        }
        long index = ByteBuffer.wrap(header.value()).getLong();
        if (index < 0 || index >= expected.recordCount) {
            complain("stranger", place + ": index " + index + " was never produced");
            return;
        }
        String name = place + ", record " + index;
        if (++timesSeen[(int) index] > 1) {
            timesSeen[(int) index] = 2;
            complain("duplicate", name + ": read before");
        } else {
            checkOrder(record, index, name);
        }
        checkPlace(record, index, name);
        checkContent(record, index, name);
        if (reports != null) {
            reports.check(record, index, name, this);
        }
    }

    private void checkOrder(ConsumerRecord<byte[], byte[]> record, long index, String name) {
        TopicPartition partition = new TopicPartition(record.topic(), record.partition());
        Long before = newestIndex.get(partition);
        if (before != null && before > index) {
            complain("reordered", name + ": comes after record " + before);
        } else {
            newestIndex.put(partition, index);
        }
    }

    private void checkPlace(ConsumerRecord<byte[], byte[]> record, long index, String name) {
        same("topic", name, expected.topic(index), record.topic());
        byte[] key = expected.key(index);
        int partition = BuiltInPartitioner.partitionForKey(key, partitionCount);
        int grown = changes.partitionsAtEnd(expected.topic(index), partitionCount);
        if (record.partition() != BuiltInPartitioner.partitionForKey(key, grown)) {
            same("partition", name, partition, record.partition());
        }
    }

    private void checkContent(ConsumerRecord<byte[], byte[]> record, long index, String name) {
        same("key", name, record.key(), expected.key(index));
        same("value", name, record.value(), expected.value(index));
        same("timestamp", name, expected.timestampMs(index), record.timestamp());
        List<Header> wanted = expected.headers(index);
        Header[] found = record.headers().toArray();
        if (!wanted.equals(Arrays.asList(found))) {
            complain("headers", name + ": expected " + wanted + ", seen " + Arrays.toString(found));
        }
    }

    private void same(String kind, String name, Object wanted, Object found) {
        if (!wanted.equals(found)) {
            complain(kind, name + ": expected " + wanted + ", seen " + found);
        }
    }

    private void same(String kind, String name, byte[] found, byte[] wanted) {
        if (!Arrays.equals(wanted, found)) {
            complain(kind, name + ": expected " + Arrays.toString(wanted) + ", seen "
                    + Arrays.toString(found));
        }
    }

    void complain(String kind, String text) {
        if (complaintCounts.merge(kind, 1L, Long::sum) <= TOLD_PER_KIND) {
            told.append("  ").append(kind).append(": ").append(text).append('\n');
        }
    }

    /** Call once, after the last record. Returns the kinds of complaints with their counts. */
    Map<String, Long> finish() {
        for (int index = 0; index < timesSeen.length; index++) {
            if (timesSeen[index] == 0 && (reports == null || reports.mustExist(index))
                    && !changes.mayBeGone(expected.topic(index), index)) {
                complain("lost", "record " + index + " of " + expected.topic(index)
                        + " is in no partition");
            }
        }
        return complaintCounts;
    }

    long recordsRead() {
        return recordsRead;
    }

    /** The first complaints of each kind, one a line. */
    String told() {
        return told.toString();
    }
}
