/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/**
 * The oracle: `ReadBack --bootstrap HOST:PORT --seed N --first-ms N --records N --prefix TEXT
 * --topics N --partitions N [--reports FILE]`, and Changes. Exit status 0 only if the topics
 * PREFIX0, PREFIX1, … hold exactly what the run produced and reported.
 */
final class ReadBack {
    private ReadBack() {
    }

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Expected expected = new Expected(arguments);
        int partitionCount = (int) arguments.number("--partitions");
        String file = arguments.text("--reports", "");
        Changes changes = new Changes(arguments);
        Verifier verifier = new Verifier(expected, partitionCount,
                file.isEmpty() ? null : new Reports(Path.of(file)), changes);
        List<TopicPartition> partitions = new ArrayList<>();
        for (int topic = 0; topic < expected.topicCount; topic++) {
            String name = expected.topicPrefix + topic;
            partitions.addAll(Reader.partitionsOf(name,
                    changes.partitionsAtEnd(name, partitionCount)));
        }
        Reader.read(arguments.client(), partitions, verifier::accept);
        Map<String, Long> complaints = verifier.finish();
        System.out.println("expected " + expected.recordCount + " records, each once, in order;"
                + " seen " + verifier.recordsRead() + " records, complaints " + complaints);
        System.out.print(verifier.told());
        System.exit(complaints.isEmpty() ? 0 : 1);
    }
}
