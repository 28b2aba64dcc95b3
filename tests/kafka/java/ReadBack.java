/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.nio.file.Path;
import java.util.Map;

/**
 * The oracle: `ReadBack --bootstrap HOST:PORT --seed N --first-ms N --records N --prefix TEXT
 * --topics N --partitions N [--reports FILE]`. Exit status 0 only if the topics PREFIX0,
 * PREFIX1, … hold exactly what the run produced.
 */
final class ReadBack {
    private ReadBack() {
    }

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Expected expected = new Expected(arguments);
        int partitionCount = (int) arguments.number("--partitions");
        String file = arguments.text("--reports", "");
        Verifier verifier = new Verifier(expected, partitionCount,
                file.isEmpty() ? null : new Reports(Path.of(file)));
        Reader.read(arguments.client(),
                Reader.partitions(expected.topicPrefix, expected.topicCount, partitionCount),
                verifier::accept);
        Map<String, Long> complaints = verifier.finish();
        System.out.println("expected " + expected.recordCount + " records, each once, in order;"
                + " seen " + verifier.recordsRead() + " records, complaints " + complaints);
        System.out.print(verifier.told());
        System.exit(complaints.isEmpty() ? 0 : 1);
    }
}
