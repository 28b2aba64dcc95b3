/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The command line as `--name value` pairs; a name may come several times. */
final class Arguments {
    private final Map<String, List<String>> values = new HashMap<>();

    Arguments(String[] words) {
        if (words.length % 2 != 0) {
            throw new IllegalArgumentException("arguments come as pairs: --name value");
        }
        for (int i = 0; i < words.length; i += 2) {
            values.computeIfAbsent(words[i], name -> new ArrayList<>()).add(words[i + 1]);
        }
    }

    String text(String name) {
        List<String> found = all(name);
        if (found.isEmpty()) {
            throw new IllegalArgumentException("missing argument " + name);
        }
        return found.get(found.size() - 1);
    }

    String text(String name, String otherwise) {
        return all(name).isEmpty() ? otherwise : text(name);
    }

    long number(String name) {
        return Long.parseLong(text(name));
    }

    List<String> all(String name) {
        return values.getOrDefault(name, List.of());
    }

    /**
     * Client properties: the bootstrap address, and every `-X name=value`. Patient, so that no test
     * depends on the speed of the machine.
     */
    Properties client() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", text("--bootstrap"));
        properties.put("default.api.timeout.ms", "240000");
        for (String option : all("-X")) {
            int equals = option.indexOf('=');
            properties.put(option.substring(0, equals), option.substring(equals + 1));
        }
        return properties;
    }
}
