/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * What record number `index` of a run looks like. kafka_records.c computes the very same, so no
 * list of records has to travel from the producer to the oracle: seed, time of the first record,
 * count and topics are enough.
 *
 * <p>Keys have 0 to 23 bytes of any value (the empty key and every tail length of murmur2); values
 * are null, empty, short or 3000 bytes; headers have empty and null values, and a name twice.
 */
final class Expected {
    static final String INDEX_HEADER = "index";
    private static final int KEY_COUNT = 20_000;

    final long seed;
    final long firstMs;
    final long recordCount;
    final String topicPrefix;
    final int topicCount;

    Expected(Arguments arguments) {
        this(arguments.number("--seed"), arguments.number("--first-ms"),
                arguments.number("--records"), arguments.text("--prefix"),
                (int) arguments.number("--topics"));
    }

    Expected(long seed, long firstMs, long recordCount, String topicPrefix, int topicCount) {
        this.seed = seed;
        this.firstMs = firstMs;
        this.recordCount = recordCount;
        this.topicPrefix = topicPrefix;
        this.topicCount = topicCount;
    }

    /** One step of splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Generators". */
    private static long scramble(long x) {
        x += 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }

    private long draw(long index, int purpose) {
        return scramble(seed + scramble(index * 16 + purpose));
    }

    private static int below(long drawn, int limit) {
        return (int) ((drawn >>> 33) % limit);
    }

    String topic(long index) {
        return topicPrefix + below(draw(index, 0), topicCount);
    }

    byte[] key(long index) {
        long number = below(draw(index, 1), KEY_COUNT);
        byte[] key = new byte[(int) (number % 24)];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (draw(number, 8 + i / 8) >>> (8 * (i % 8)));
        }
        return key;
    }

    byte[] value(long index) {
        long drawn = draw(index, 2);
        int kind = below(drawn, 64);
        if (kind == 0) {
            return null;
        }
        int size = kind == 1 ? 0 : kind == 2 ? 3000 : (int) (drawn & 0xFF) % 160;
        boolean readable = kind % 8 != 3;
        byte[] value = new byte[size];
        long block = draw(index, 3);
        for (int i = 0; i < size; i++) {
            int one = (int) (block >>> (8 * (i % 8))) & 0xFF;
            value[i] = (byte) (readable ? 'a' + (one & 15) : one);
            if (i % 8 == 7) {
                block = scramble(block);
            }
        }
        return value;
    }

    List<Header> headers(long index) {
        Header first = header(INDEX_HEADER, ByteBuffer.allocate(8).putLong(index).array());
        switch (below(draw(index, 4), 4)) {
            case 0:
                return List.of(first);
            case 1:
                return List.of(first, header("empty", new byte[0]));
            case 2:
                return List.of(first, header("twice", bytes("one")), header("twice", bytes("two")));
            default:
                return List.of(first, header("null", null),
                        header("n\u00e4me", bytes("v\u00e4lue")));
        }
    }

    long timestampMs(long index) {
        return firstMs + index / 8 + below(draw(index, 5), 2000) - 1000;
    }

    private static Header header(String name, byte[] value) {
        return new RecordHeader(name, value);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
