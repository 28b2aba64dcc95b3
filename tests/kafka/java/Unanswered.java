/* SPDX-License-Identifier: LGPL-2.1-or-later */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The official producer under the commands of unanswered.h: `Unanswered BOOTSTRAP TOPIC
 * FIRST_PARTITION RECORDS_PER_BATCH`. Everything is at its default but client.id, linger.ms, and a
 * longer max.block.ms.
 */
final class Unanswered {
    private static final int PRODUCERS = 5;

    private final String topic;
    private final int number;
    private final int partition;
    private final int batchRecords;
    private final KafkaProducer<byte[], byte[]> producer;
    private final List<String> outcomes = new ArrayList<>();

    private Unanswered(String bootstrap, String topic, int number, int partition,
            int batchRecords) {
        this.topic = topic;
        this.number = number;
        this.partition = partition;
        this.batchRecords = batchRecords;
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("client.id", "java-" + number);
        properties.put("linger.ms", "20");
        properties.put("max.block.ms", "240000");
        this.producer = new KafkaProducer<>(properties, new ByteArraySerializer(),
                new ByteArraySerializer());
    }

    private synchronized void note(int index, String outcome) {
        if (index == outcomes.size()) {
            outcomes.add(outcome);
        } else {
            outcomes.set(index, outcome);
        }
    }

    private void handOverBatch() {
        for (int i = 0; i < batchRecords; i++) {
            int index = outcomes.size();
            note(index, null);
            byte[] value = Integer.toString(index).getBytes(StandardCharsets.US_ASCII);
            try {
                producer.send(new ProducerRecord<>(topic, partition, null, value),
                        (metadata, error) -> note(index, error == null ? "persisted none"
                                : "failed " + error.getClass().getSimpleName()));
            } catch (RuntimeException error) {
                note(index, "refused " + error.getClass().getSimpleName());
            }
        }
    }

    private synchronized void printOutcomes() {
        for (int index = 0; index < outcomes.size(); index++) {
            String outcome = outcomes.get(index) == null ? "none none" : outcomes.get(index);
            System.out.println(number + " " + index + " " + outcome);
        }
    }

    public static void main(String[] words) throws Exception {
        List<Unanswered> all = new ArrayList<>();
        for (int number = 1; number <= PRODUCERS; number++) {
            all.add(new Unanswered(words[0], words[1], number,
                    Integer.parseInt(words[2]) + number - 1, Integer.parseInt(words[3])));
        }
        BufferedReader commands = new BufferedReader(
                new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            for (Unanswered one : all) {
                one.carryOut(line);
            }
            System.out.println("done");
        }
    }

    private void carryOut(String line) {
        if (line.equals("wait")) {
            producer.flush();
        } else if (line.equals("end")) {
            producer.close(Duration.ofSeconds(1));
            printOutcomes();
        } else if (number >= Integer.parseInt(line.substring("batch ".length()))) {
            handOverBatch();
        }
    }
}
