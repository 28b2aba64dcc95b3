/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * What the producer reported, as kafka_feed writes it with --reports: for each index 13 bytes, big
 * endian: outcome (1 persisted, 2 not persisted, 3 unknown), partition (4), offset (8, -1 unknown).
 */
final class Reports {
    private static final int ENTRY_BYTES = 13;
    private static final int PERSISTED = 1;
    private static final int NOT_PERSISTED = 2;

    private final ByteBuffer entries;

    Reports(Path file) throws IOException {
        entries = ByteBuffer.wrap(Files.readAllBytes(file));
    }

    boolean mustExist(int index) {
        return entries.get(index * ENTRY_BYTES) == PERSISTED;
    }

    void check(ConsumerRecord<byte[], byte[]> record, long index, String name, Verifier verifier) {
        int at = (int) index * ENTRY_BYTES;
        if (entries.get(at) == NOT_PERSISTED) {
            verifier.complain("outcome", name + ": reported as not persisted, and it is there");
            return;
        }
        int partition = entries.getInt(at + 1);
        if (partition != record.partition()) {
            verifier.complain("report", name + ": reported in partition " + partition);
        }
        long offset = entries.getLong(at + 5);
        if (offset != -1 && offset != record.offset()) {
            verifier.complain("report", name + ": reported at offset " + offset);
        }
    }
}
