// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.io.IOException;
import java.nio.file.Path;

/** Writes all vector files into the directory given. */
public final class Vectors {
    private Vectors() {
    }

    public static void main(String[] arguments) throws IOException {
        Path directory = Path.of(arguments[0]);
        Batches.varints().write(directory.resolve("varint.txt"));
        Batches.records().write(directory.resolve("record.txt"));
        Batches.batches().write(directory.resolve("batch.txt"));
        Murmur.keys().write(directory.resolve("murmur2.txt"));
        ProducerMessages.apiVersions().write(directory.resolve("api_versions.txt"));
        ProducerMessages.initProducerId().write(directory.resolve("init_producer_id.txt"));
        ProducerMessages.produce().write(directory.resolve("produce.txt"));
        MetadataMessages.metadata().write(directory.resolve("metadata.txt"));
        ConsumerMessages.fetch().write(directory.resolve("fetch.txt"));
        ConsumerMessages.listOffsets().write(directory.resolve("list_offsets.txt"));
        ConsumerMessages.findCoordinator().write(directory.resolve("find_coordinator.txt"));
    }
}
