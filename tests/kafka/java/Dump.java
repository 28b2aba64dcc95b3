/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * Writes every record of one topic to a file, without any quoting: `Dump --bootstrap HOST:PORT
 * --topic NAME --partitions N --file PATH`. Per record one line "partition offset timestamp
 * key-size value-size header-count", then the bytes of key and value and a newline; then per header
 * a line "name-size value-size", the bytes of both and a newline. A size of -1 is null.
 */
final class Dump {
    private Dump() {
    }

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Properties client = arguments.client();
        client.put("max.partition.fetch.bytes", "67108864");
        client.put("fetch.max.bytes", "67108864");
        int partitionCount = (int) arguments.number("--partitions");
        String topic = arguments.text("--topic");
        try (OutputStream file = new BufferedOutputStream(
                new FileOutputStream(arguments.text("--file")), 1 << 20)) {
            Reader.read(client, Reader.partitionsOf(topic, partitionCount), record -> {
                try {
                    write(file, record);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
        }
    }

    private static void write(OutputStream file, ConsumerRecord<byte[], byte[]> record)
            throws IOException {
        Header[] headers = record.headers().toArray();
        line(file, record.partition() + " " + record.offset() + " " + record.timestamp() + " "
                + size(record.key()) + " " + size(record.value()) + " " + headers.length);
        pair(file, record.key(), record.value());
        for (Header header : headers) {
            byte[] name = header.key().getBytes(StandardCharsets.UTF_8);
            line(file, size(name) + " " + size(header.value()));
            pair(file, name, header.value());
        }
    }

    private static void line(OutputStream file, String text) throws IOException {
        file.write((text + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private static void pair(OutputStream file, byte[] first, byte[] second) throws IOException {
        if (first != null) {
            file.write(first);
        }
        if (second != null) {
            file.write(second);
        }
        file.write('\n');
    }

    private static int size(byte[] bytes) {
        return bytes == null ? -1 : bytes.length;
    }
}
