/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.util.HashMap;
import java.util.Map;

/**
 * What was done to the topics of a run while it produced: `--grown TOPIC:PARTITIONS` and
 * `--renewed TOPIC:INDEX`.
 *
 * <p>A grown topic has more partitions at the end than at the beginning, and a key may have gone to
 * the one that either number gives. A renewed topic was deleted and made again before the record
 * INDEX was produced: records before it may have gone with the old one, whatever was reported. All
 * other rules hold for what is there, and from INDEX on everything.
 */
final class Changes {
    static final Changes NONE = new Changes(new Arguments(new String[0]));

    private final Map<String, Long> partitionCounts;
    private final Map<String, Long> renewedBefore;

    Changes(Arguments arguments) {
        partitionCounts = pairs(arguments, "--grown");
        renewedBefore = pairs(arguments, "--renewed");
    }

    private static Map<String, Long> pairs(Arguments arguments, String name) {
        Map<String, Long> found = new HashMap<>();
        for (String pair : arguments.all(name)) {
            int colon = pair.lastIndexOf(':');
            found.put(pair.substring(0, colon), Long.parseLong(pair.substring(colon + 1)));
        }
        return found;
    }

    int partitionsAtEnd(String topic, int atBeginning) {
        return partitionCounts.getOrDefault(topic, (long) atBeginning).intValue();
    }

    boolean mayBeGone(String topic, long index) {
        return index < renewedBefore.getOrDefault(topic, 0L);
    }
}
