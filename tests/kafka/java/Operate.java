/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/**
 * What an operator does to a running cluster: `Operate --bootstrap HOST:PORT`, and any of
 * `--delete TOPIC`, `--grow TOPIC:PARTITIONS`, `--set TOPIC:name=value`,
 * `--quota CLIENT_ID:BYTES_PER_SECOND` (0 takes it away) and `--elect preferred`.
 */
final class Operate {
    private Operate() {
    }

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        try (Admin admin = Admin.create(arguments.client())) {
            for (String topic : arguments.all("--delete")) {
                admin.deleteTopics(List.of(topic)).all().get();
            }
            for (String wanted : arguments.all("--grow")) {
                String[] parts = wanted.split(":");
                admin.createPartitions(Map.of(parts[0],
                        NewPartitions.increaseTo(Integer.parseInt(parts[1])))).all().get();
            }
            for (String wanted : arguments.all("--set")) {
                String[] parts = wanted.split("[:=]");
                set(admin, parts[0], parts[1], parts[2]);
            }
            for (String wanted : arguments.all("--quota")) {
                String[] parts = wanted.split(":");
                limit(admin, parts[0], Double.parseDouble(parts[1]));
            }
            if (!arguments.all("--elect").isEmpty()) {
                elect(admin);
            }
        }
    }

    private static void set(Admin admin, String topic, String name, String value)
            throws Exception {
        AlterConfigOp change = new AlterConfigOp(new ConfigEntry(name, value),
                AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic), List.of(change))).all().get();
    }

    private static void limit(Admin admin, String clientId, double bytesPerSecond)
            throws Exception {
        ClientQuotaEntity entity = new ClientQuotaEntity(
                Map.of(ClientQuotaEntity.CLIENT_ID, clientId));
        ClientQuotaAlteration.Op change = new ClientQuotaAlteration.Op("producer_byte_rate",
                bytesPerSecond == 0 ? null : bytesPerSecond);
        admin.alterClientQuotas(List.of(
                new ClientQuotaAlteration(entity, List.of(change)))).all().get();
    }

    /** Prints how many partitions got another leader; those that need none are no failure. */
    private static void elect(Admin admin) throws Exception {
        Map<TopicPartition, Optional<Throwable>> results = new HashMap<>(
                admin.electLeaders(ElectionType.PREFERRED, null).partitions().get());
        results.values().removeIf(Optional::isPresent);
        System.out.println(results.size());
    }
}
