// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.DefaultRecord;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.ByteUtils;

/** Varints, records and record batches. */
final class Batches {
    static final long BASE_TIMESTAMP = 1_700_000_000_000L;
    private static final Header[] NO_HEADERS = new Header[0];

    private Batches() {
    }

    static byte[] pattern(int seed, int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte)(seed * 31 + i * 7);
        }
        return bytes;
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static MemoryRecordsBuilder builder(Compression compression, long producerId,
                                                short epoch, int sequence, boolean transactional) {
        return new MemoryRecordsBuilder(
            ByteBuffer.allocate(1 << 17), RecordBatch.MAGIC_VALUE_V2, compression,
            TimestampType.CREATE_TIME, 0L, RecordBatch.NO_TIMESTAMP, producerId, epoch, sequence,
            transactional, false, RecordBatch.NO_PARTITION_LEADER_EPOCH, 1 << 17);
    }

    private static MemoryRecordsBuilder builder(Compression compression) {
        return builder(compression, RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH,
                       RecordBatch.NO_SEQUENCE, false);
    }

    /** Null key, empty key, headers, null value, a timestamp before the first. */
    private static MemoryRecords small(MemoryRecordsBuilder builder) {
        builder.append(BASE_TIMESTAMP, null, text("first"));
        builder.append(
            BASE_TIMESTAMP + 5, text(""), text(""),
            new Header[] {new RecordHeader("trace", text("abc")), new RecordHeader("", null)});
        builder.append(BASE_TIMESTAMP - 1, text("key"), null);
        return builder.build();
    }

    static MemoryRecords plain() {
        return small(builder(Compression.NONE));
    }

    static MemoryRecords single() {
        MemoryRecordsBuilder builder = builder(Compression.NONE);
        builder.append(BASE_TIMESTAMP, text("k"), text("v"));
        return builder.build();
    }

    /** 200 records with values of 0 to 398 bytes, 3 ms apart, each tenth with a header. */
    private static MemoryRecords many(Compression compression) {
        MemoryRecordsBuilder builder = builder(compression);
        for (int i = 0; i < 200; i++) {
            Header[] headers =
                i % 10 == 0 ? new Header[] {new RecordHeader("n", pattern(i, i % 17))} : NO_HEADERS;
            builder.append(BASE_TIMESTAMP + 3L * i, text("key-" + i), pattern(i, i * 2), headers);
        }
        return builder.build();
    }

    private static byte[] record(int offsetDelta, long timestampDelta, byte[] key, byte[] value)
        throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DefaultRecord.writeTo(new DataOutputStream(bytes), offsetDelta, timestampDelta,
                              key == null ? null : ByteBuffer.wrap(key),
                              value == null ? null : ByteBuffer.wrap(value), NO_HEADERS);
        return bytes.toByteArray();
    }

    static VectorFile batches() {
        VectorFile file = new VectorFile();
        file.add("plain", VectorFile.bytes(plain().buffer()));
        file.add("single", VectorFile.bytes(single().buffer()));
        file.add("stamped", VectorFile.bytes(small(builder(Compression.NONE, 4_000_000_000L,
                                                           (short)7, Integer.MAX_VALUE - 1, false))
                                                 .buffer()));
        file.add(
            "transactional",
            VectorFile.bytes(small(builder(Compression.NONE, 12L, (short)0, 0, true)).buffer()));
        file.add("many", VectorFile.bytes(many(Compression.NONE).buffer()));
        file.add("gzip.level-default", VectorFile.bytes(many(Compression.gzip().build()).buffer()));
        file.add("gzip.level-1",
                 VectorFile.bytes(many(Compression.gzip().level(1).build()).buffer()));
        file.add("gzip.level-9",
                 VectorFile.bytes(many(Compression.gzip().level(9).build()).buffer()));
        return file;
    }

    /** Names are record.OFFSET_DELTA.TIMESTAMP_DELTA.KEY_SIZE.VALUE_SIZE, -1 for null. */
    static VectorFile records() throws IOException {
        VectorFile file = new VectorFile();
        int[] offsets = {0, 1, 63, 64, 8191, 8192, 1_000_000, Integer.MAX_VALUE};
        long[] timestamps = {
            0, -1, 63, 64, -64, -65, 8191, 8192, 1L << 31, Long.MAX_VALUE, Long.MIN_VALUE};
        int[] sizes = {-1, 0, 1, 50, 63, 64, 127, 128, 8191, 8192};
        for (int offset : offsets) {
            for (long timestamp : timestamps) {
                add(file, offset, timestamp, 3, 5);
            }
        }
        for (int size : sizes) {
            add(file, 7, 9, size, 2);
            add(file, 7, 9, -1, size);
        }
        return file;
    }

    private static void add(VectorFile file, int offset, long timestamp, int keySize, int valueSize)
        throws IOException {
        byte[] key = keySize < 0 ? null : pattern(1, keySize);
        byte[] value = valueSize < 0 ? null : pattern(2, valueSize);
        file.add("record." + offset + "." + timestamp + "." + keySize + "." + valueSize,
                 record(offset, timestamp, key, value));
    }

    static VectorFile varints() {
        VectorFile file = new VectorFile();
        for (int bits = 0; bits <= 64; bits++) {
            long edge = bits == 64 ? 0 : 1L << bits;
            for (long value : new long[] {edge - 1, edge, -edge, -edge - 1}) {
                ByteBuffer buffer = ByteBuffer.allocate(10);
                ByteUtils.writeVarlong(value, buffer);
                file.add("varlong." + value, VectorFile.bytes(buffer.flip()));
                if (value == (int)value) {
                    buffer = ByteBuffer.allocate(5);
                    ByteUtils.writeVarint((int)value, buffer);
                    file.add("varint." + value, VectorFile.bytes(buffer.flip()));
                }
                if (value >= 0 && value <= 0xffffffffL) {
                    buffer = ByteBuffer.allocate(5);
                    ByteUtils.writeUnsignedVarint((int)value, buffer);
                    file.add("uvarint." + value, VectorFile.bytes(buffer.flip()));
                }
            }
        }
        return file;
    }
}
