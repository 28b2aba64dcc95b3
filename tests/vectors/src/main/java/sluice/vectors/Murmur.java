// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/** A line: key in hex ("-" for empty), hash, partition of 1, 2, 6, 7, 50 and 1000. */
final class Murmur {
    private static final int[] PARTITION_COUNTS = {1, 2, 6, 7, 50, 1000};

    private Murmur() {
    }

    private static void add(VectorFile file, byte[] key) {
        StringBuilder line = new StringBuilder(key.length == 0 ? "-" : VectorFile.hex(key));
        line.append(' ').append(Utils.murmur2(key) & 0xffffffffL);
        for (int count : PARTITION_COUNTS) {
            line.append(' ').append(BuiltInPartitioner.partitionForKey(key, count));
        }
        file.line(line.toString());
    }

    static VectorFile keys() {
        VectorFile file = new VectorFile();
        for (int size = 0; size <= 40; size++) {
            add(file, Batches.pattern(size, size));
        }
        for (int i = 0; i < 60; i++) {
            add(file, ("customer-" + i * i * 977).getBytes(StandardCharsets.UTF_8));
        }
        add(file, "größe".getBytes(StandardCharsets.UTF_8));
        add(file, new byte[] {-1, -1, -1, -1, -128, 127});
        add(file, Batches.pattern(3, 1000));
        return file;
    }
}
