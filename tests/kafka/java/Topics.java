/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/** `Topics --bootstrap HOST:PORT --create NAME:PARTITIONS:REPLICAS[:name=value…] …` */
final class Topics {
    private Topics() {
    }

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        List<NewTopic> topics = new ArrayList<>();
        for (String wanted : arguments.all("--create")) {
            String[] parts = wanted.split(":");
            Map<String, String> settings = new HashMap<>();
            for (int i = 3; i < parts.length; i++) {
                String[] pair = parts[i].split("=", 2);
                settings.put(pair[0], pair[1]);
            }
            topics.add(new NewTopic(parts[0], Integer.parseInt(parts[1]),
                    Short.parseShort(parts[2])).configs(settings));
        }
        try (Admin admin = Admin.create(arguments.client())) {
            admin.createTopics(topics).all().get();
        }
    }
}
