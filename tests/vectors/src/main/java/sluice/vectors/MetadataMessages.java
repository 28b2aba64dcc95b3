// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.protocol.ApiKeys;

final class MetadataMessages {
    private MetadataMessages() {
    }

    private static MetadataRequestData
    request(int version, List<MetadataRequestData.MetadataRequestTopic> topics, boolean create) {
        MetadataRequestData request = new MetadataRequestData().setTopics(topics);
        request.setAllowAutoTopicCreation(version < 4 || create);
        return request;
    }

    private static MetadataRequestData.MetadataRequestTopic named(String name) {
        return new MetadataRequestData.MetadataRequestTopic().setName(name);
    }

    private static void requests(VectorFile file, int version) {
        file.request(ApiKeys.METADATA, version, "all",
                     request(version, version == 0 ? List.of() : null, false));
        file.request(ApiKeys.METADATA, version, "named",
                     request(version, List.of(named("orders"), named("logs")), true));
        if (version >= 1) {
            file.request(ApiKeys.METADATA, version, "none", request(version, List.of(), false));
        }
        if (version >= 12) {
            file.request(
                ApiKeys.METADATA, version, "by-id",
                request(
                    version,
                    List.of(new MetadataRequestData.MetadataRequestTopic().setName(null).setTopicId(
                        ProducerMessages.ORDERS_ID)),
                    false));
        }
    }

    private static MetadataResponseData.MetadataResponsePartition partition(int version, int index,
                                                                            int error, int leader) {
        return new MetadataResponseData.MetadataResponsePartition()
            .setPartitionIndex(index)
            .setErrorCode((short)error)
            .setLeaderId(leader)
            .setLeaderEpoch(version >= 7 ? 20 + index : -1)
            .setReplicaNodes(List.of(1, 2, 3))
            .setIsrNodes(leader < 0 ? List.of() : List.of(leader, 2))
            .setOfflineReplicas(version >= 5 ? List.of(3) : List.of());
    }

    private static void brokers(MetadataResponseData response, int version) {
        response.brokers().add(new MetadataResponseData.MetadataResponseBroker()
                                   .setNodeId(1)
                                   .setHost("broker-1.example")
                                   .setPort(9092)
                                   .setRack(null));
        response.brokers().add(new MetadataResponseData.MetadataResponseBroker()
                                   .setNodeId(2)
                                   .setHost("10.0.0.2")
                                   .setPort(65535)
                                   .setRack(version >= 1 ? "rack-a" : null));
        response.setControllerId(version >= 1 ? 2 : -1);
        response.setClusterId(version >= 2 ? "kXyZ" : null);
        response.setThrottleTimeMs(version >= 3 ? 6 : 0);
    }

    private static MetadataResponseData response(int version) {
        MetadataResponseData response = new MetadataResponseData();
        brokers(response, version);
        List<MetadataResponseData.MetadataResponsePartition> partitions = new ArrayList<>();
        partitions.add(partition(version, 0, 0, 1));
        partitions.add(partition(version, 1, 5, -1));
        response.topics().add(
            new MetadataResponseData.MetadataResponseTopic()
                .setName("orders")
                .setTopicId(version >= 10 ? ProducerMessages.ORDERS_ID : Uuid.ZERO_UUID)
                .setIsInternal(version >= 1)
                .setPartitions(partitions));
        response.topics().add(
            new MetadataResponseData.MetadataResponseTopic().setName("gone").setErrorCode(
                (short)3));
        if (version >= 12) {
            response.topics().add(new MetadataResponseData.MetadataResponseTopic()
                                      .setName(null)
                                      .setTopicId(ProducerMessages.LOGS_ID)
                                      .setErrorCode((short)100));
        }
        if (version >= 13) {
            response.setErrorCode((short)129);
        }
        return response;
    }

    static VectorFile metadata() {
        VectorFile file = new VectorFile();
        for (int v = 0; v <= 13; v++) {
            requests(file, v);
            file.response(ApiKeys.METADATA, v, "plain", response(v));
            file.response(ApiKeys.METADATA, v, "empty", new MetadataResponseData());
        }
        return file;
    }
}
