// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageSizeAccumulator;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/** One file of vectors: a line each, a name and bytes in hex. */
final class VectorFile {
    static final String CLIENT_ID = "sluice-client";

    private final StringBuilder text = new StringBuilder();

    static String hex(byte[] bytes) {
        StringBuilder hex = new StringBuilder();
        for (byte b : bytes) {
            hex.append(String.format("%02x", b & 0xff));
        }
        return hex.toString();
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    void add(String name, byte[] bytes) {
        line(name + " " + hex(bytes));
    }

    void line(String line) {
        text.append(line).append('\n');
    }

    /** Correlation ids are 1000 + version. */
    void request(ApiKeys api, int version, String name, Message body) {
        RequestHeaderData header = new RequestHeaderData()
                                       .setRequestApiKey(api.id)
                                       .setRequestApiVersion((short)version)
                                       .setCorrelationId(1000 + version)
                                       .setClientId(CLIENT_ID);
        short headerVersion = api.requestHeaderVersion((short)version);
        add("request.v" + version + "." + name, frame(header, headerVersion, body, version));
    }

    void response(ApiKeys api, int version, String name, Message body) {
        ResponseHeaderData header = new ResponseHeaderData().setCorrelationId(1000 + version);
        short headerVersion = api.responseHeaderVersion((short)version);
        add("response.v" + version + "." + name, frame(header, headerVersion, body, version));
    }

    private static byte[] frame(Message header, short headerVersion, Message body, int version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        MessageSizeAccumulator size = new MessageSizeAccumulator();
        header.addSize(size, cache, headerVersion);
        body.addSize(size, cache, (short)version);
        ByteBuffer buffer = ByteBuffer.allocate(4 + size.totalSize());
        buffer.putInt(size.totalSize());
        ByteBufferAccessor accessor = new ByteBufferAccessor(buffer);
        header.write(accessor, cache, headerVersion);
        body.write(accessor, cache, (short)version);
        if (buffer.hasRemaining()) {
            throw new IllegalStateException("the frame is not full");
        }
        return buffer.array();
    }

    void write(Path path) throws IOException {
        Files.writeString(path, text);
    }
}
