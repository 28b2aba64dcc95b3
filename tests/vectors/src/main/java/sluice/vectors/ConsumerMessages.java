// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.util.List;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** What the embedded broker is asked by those who read back. */
final class ConsumerMessages {
    private ConsumerMessages() {
    }

    // ---- Fetch

    private static FetchRequestData.FetchPartition fetched(int version, int index, long offset) {
        FetchRequestData.FetchPartition partition = new FetchRequestData.FetchPartition()
                                                        .setPartition(index)
                                                        .setFetchOffset(offset)
                                                        .setPartitionMaxBytes(1 << 20);
        if (version >= 9) {
            partition.setCurrentLeaderEpoch(4);
        }
        if (version >= 12) {
            partition.setLastFetchedEpoch(3);
        }
        if (version >= 17) {
            partition.setReplicaDirectoryId(ProducerMessages.LOGS_ID);
        }
        if (version >= 18) {
            partition.setHighWatermark(5);
        }
        return partition;
    }

    private static FetchRequestData fetchRequest(int version) {
        FetchRequestData.FetchTopic topic = new FetchRequestData.FetchTopic().setPartitions(
            List.of(fetched(version, 0, 10_000_000_000L), fetched(version, 5, 0)));
        FetchRequestData.ForgottenTopic forgotten =
            new FetchRequestData.ForgottenTopic().setPartitions(List.of(1, 2, 3));
        if (version >= 13) {
            topic.setTopicId(ProducerMessages.ORDERS_ID);
            forgotten.setTopicId(ProducerMessages.LOGS_ID);
        } else {
            topic.setTopic("orders");
            forgotten.setTopic("logs");
        }
        FetchRequestData request = new FetchRequestData()
                                       .setMaxWaitMs(500)
                                       .setMinBytes(1)
                                       .setMaxBytes(50 << 20)
                                       .setIsolationLevel((byte)1)
                                       .setTopics(List.of(topic));
        if (version >= 7) {
            request.setSessionId(77).setSessionEpoch(2).setForgottenTopicsData(List.of(forgotten));
        }
        if (version >= 11) {
            request.setRackId("rack-a");
        }
        if (version >= 12) {
            request.setClusterId("kXyZ");
        }
        return request;
    }

    private static FetchResponseData.PartitionData data(int version, int index, int error,
                                                        MemoryRecords records) {
        return new FetchResponseData.PartitionData()
            .setPartitionIndex(index)
            .setErrorCode((short)error)
            .setHighWatermark(error == 0 ? 103 : -1)
            .setLastStableOffset(error == 0 ? 102 : -1)
            .setLogStartOffset(version >= 5 ? 100 : -1)
            .setAbortedTransactions(null)
            .setRecords(records);
    }

    private static FetchResponseData fetchResponse(int version) {
        FetchResponseData.PartitionData moved = data(version, 5, 6, MemoryRecords.EMPTY);
        if (version >= 12) {
            moved.setCurrentLeader(
                new FetchResponseData.LeaderIdAndEpoch().setLeaderId(3).setLeaderEpoch(9));
        }
        FetchResponseData.FetchableTopicResponse topic =
            new FetchResponseData.FetchableTopicResponse().setPartitions(
                List.of(data(version, 0, 0, Batches.plain()), moved));
        if (version >= 13) {
            topic.setTopicId(ProducerMessages.ORDERS_ID);
        } else {
            topic.setTopic("orders");
        }
        FetchResponseData response =
            new FetchResponseData().setThrottleTimeMs(8).setResponses(List.of(topic));
        return version >= 7 ? response.setErrorCode((short)0).setSessionId(0) : response;
    }

    static VectorFile fetch() {
        VectorFile file = new VectorFile();
        for (int v = 4; v <= 18; v++) {
            file.request(ApiKeys.FETCH, v, "plain", fetchRequest(v));
            file.response(ApiKeys.FETCH, v, "plain", fetchResponse(v));
        }
        return file;
    }

    // ---- ListOffsets

    private static ListOffsetsRequestData listOffsetsRequest(int version) {
        ListOffsetsRequestData.ListOffsetsPartition latest =
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(0).setTimestamp(-1);
        ListOffsetsRequestData.ListOffsetsPartition earliest =
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(5).setTimestamp(-2);
        if (version >= 4) {
            latest.setCurrentLeaderEpoch(4);
        }
        ListOffsetsRequestData request = new ListOffsetsRequestData().setReplicaId(-1).setTopics(
            List.of(new ListOffsetsRequestData.ListOffsetsTopic().setName("orders").setPartitions(
                List.of(latest, earliest))));
        if (version >= 2) {
            request.setIsolationLevel((byte)1);
        }
        return version >= 10 ? request.setTimeoutMs(1234) : request;
    }

    private static ListOffsetsResponseData listOffsetsResponse(int version) {
        ListOffsetsResponseData.ListOffsetsPartitionResponse found =
            new ListOffsetsResponseData.ListOffsetsPartitionResponse()
                .setPartitionIndex(0)
                .setTimestamp(Batches.BASE_TIMESTAMP)
                .setOffset(99);
        if (version >= 4) {
            found.setLeaderEpoch(4);
        }
        ListOffsetsResponseData.ListOffsetsPartitionResponse refused =
            new ListOffsetsResponseData.ListOffsetsPartitionResponse()
                .setPartitionIndex(5)
                .setErrorCode((short)6);
        return new ListOffsetsResponseData()
            .setThrottleTimeMs(version >= 2 ? 8 : 0)
            .setTopics(List.of(new ListOffsetsResponseData.ListOffsetsTopicResponse()
                                   .setName("orders")
                                   .setPartitions(List.of(found, refused))));
    }

    static VectorFile listOffsets() {
        VectorFile file = new VectorFile();
        for (int v = 1; v <= 11; v++) {
            file.request(ApiKeys.LIST_OFFSETS, v, "plain", listOffsetsRequest(v));
            file.response(ApiKeys.LIST_OFFSETS, v, "plain", listOffsetsResponse(v));
        }
        return file;
    }

    // ---- FindCoordinator

    private static FindCoordinatorRequestData findRequest(int version) {
        FindCoordinatorRequestData request = new FindCoordinatorRequestData();
        if (version >= 1) {
            request.setKeyType((byte)1);
        }
        return version >= 4 ? request.setCoordinatorKeys(List.of("payments", "refunds"))
                            : request.setKey("payments");
    }

    private static FindCoordinatorResponseData findResponse(int version) {
        FindCoordinatorResponseData response = new FindCoordinatorResponseData();
        if (version >= 1) {
            response.setThrottleTimeMs(8);
        }
        if (version < 4) {
            return response.setErrorCode((short)15)
                .setErrorMessage(version >= 1 ? "not yet" : null)
                .setNodeId(-1)
                .setHost("")
                .setPort(-1);
        }
        return response.setCoordinators(List.of(new FindCoordinatorResponseData.Coordinator()
                                                    .setKey("payments")
                                                    .setNodeId(-1)
                                                    .setHost("")
                                                    .setPort(-1)
                                                    .setErrorCode((short)15)
                                                    .setErrorMessage("not yet"),
                                                new FindCoordinatorResponseData.Coordinator()
                                                    .setKey("refunds")
                                                    .setNodeId(2)
                                                    .setHost("10.0.0.2")
                                                    .setPort(9092)
                                                    .setErrorMessage(null)));
    }

    static VectorFile findCoordinator() {
        VectorFile file = new VectorFile();
        for (int v = 0; v <= 6; v++) {
            file.request(ApiKeys.FIND_COORDINATOR, v, "plain", findRequest(v));
            file.response(ApiKeys.FIND_COORDINATOR, v, "plain", findResponse(v));
        }
        return file;
    }
}
