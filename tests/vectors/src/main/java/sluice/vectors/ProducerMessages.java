// SPDX-License-Identifier: LGPL-2.1-or-later
package sluice.vectors;

import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** What a producer sends and is answered, Metadata apart. */
final class ProducerMessages {
    static final Uuid ORDERS_ID = new Uuid(0x0102030405060708L, 0x090a0b0c0d0e0f10L);
    static final Uuid LOGS_ID = new Uuid(0xf1f2f3f4f5f6f7f8L, 0xe1e2e3e4e5e6e7e8L);

    private ProducerMessages() {
    }

    // ---- ApiVersions

    private static ApiVersionsResponseData apiVersionsResponse(int version, int error) {
        ApiVersionsResponseData response = new ApiVersionsResponseData().setErrorCode((short)error);
        if (version >= 1) {
            response.setThrottleTimeMs(3);
        }
        return response;
    }

    private static void addRange(ApiVersionsResponseData response, int key, int min, int max) {
        response.apiKeys().add(new ApiVersionsResponseData.ApiVersion()
                                   .setApiKey((short)key)
                                   .setMinVersion((short)min)
                                   .setMaxVersion((short)max));
    }

    private static ApiVersionsResponseData ranges(int version) {
        ApiVersionsResponseData response = apiVersionsResponse(version, 0);
        addRange(response, 0, 3, 13);
        addRange(response, 3, 0, 13);
        addRange(response, 18, 0, 4);
        addRange(response, 22, 0, 6);
        addRange(response, 1000, 0, 1);
        return response;
    }

    static VectorFile apiVersions() {
        VectorFile file = new VectorFile();
        for (int v = 0; v <= 4; v++) {
            ApiVersionsRequestData request = new ApiVersionsRequestData();
            if (v >= 3) {
                request.setClientSoftwareName("sluice").setClientSoftwareVersion("0.1.0");
            }
            file.request(ApiKeys.API_VERSIONS, v, "plain", request);
            file.response(ApiKeys.API_VERSIONS, v, "plain", ranges(v));
        }
        ApiVersionsResponseData features = ranges(4);
        features.supportedFeatures().add(new ApiVersionsResponseData.SupportedFeatureKey()
                                             .setName("transaction.version")
                                             .setMinVersion((short)0)
                                             .setMaxVersion((short)2));
        features.finalizedFeatures().add(new ApiVersionsResponseData.FinalizedFeatureKey()
                                             .setName("transaction.version")
                                             .setMinVersionLevel((short)2)
                                             .setMaxVersionLevel((short)2));
        features.setFinalizedFeaturesEpoch(77);
        file.response(ApiKeys.API_VERSIONS, 4, "features", features);
        ApiVersionsResponseData unsupported = apiVersionsResponse(0, 35);
        addRange(unsupported, 18, 0, 4);
        file.response(ApiKeys.API_VERSIONS, 0, "unsupported", unsupported);
        return file;
    }

    // ---- InitProducerId

    static VectorFile initProducerId() {
        VectorFile file = new VectorFile();
        for (int v = 0; v <= 5; v++) {
            InitProducerIdRequestData plain =
                new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(
                    Integer.MAX_VALUE);
            file.request(ApiKeys.INIT_PRODUCER_ID, v, "plain", plain);
            InitProducerIdRequestData current = new InitProducerIdRequestData()
                                                    .setTransactionalId("payments")
                                                    .setTransactionTimeoutMs(60000);
            if (v >= 3) {
                current.setProducerId(5_000_000_001L).setProducerEpoch((short)12);
            }
            file.request(ApiKeys.INIT_PRODUCER_ID, v, "current", current);
            file.response(ApiKeys.INIT_PRODUCER_ID, v, "plain",
                          new InitProducerIdResponseData()
                              .setThrottleTimeMs(4)
                              .setErrorCode((short)0)
                              .setProducerId(5_000_000_001L)
                              .setProducerEpoch((short)13));
            file.response(ApiKeys.INIT_PRODUCER_ID, v, "error",
                          new InitProducerIdResponseData()
                              .setErrorCode((short)14)
                              .setProducerId(-1)
                              .setProducerEpoch((short)-1));
        }
        return file;
    }

    // ---- Produce

    private static ProduceRequestData.TopicProduceData produceTopic(int version, String name,
                                                                    Uuid id) {
        ProduceRequestData.TopicProduceData topic = new ProduceRequestData.TopicProduceData();
        return version >= 13 ? topic.setTopicId(id) : topic.setName(name);
    }

    private static ProduceRequestData.PartitionProduceData batch(int index, MemoryRecords records) {
        return new ProduceRequestData.PartitionProduceData().setIndex(index).setRecords(records);
    }

    private static ProduceRequestData produceRequest(int version, String transactionalId,
                                                     int acks) {
        ProduceRequestData request = new ProduceRequestData()
                                         .setTransactionalId(transactionalId)
                                         .setAcks((short)acks)
                                         .setTimeoutMs(30000);
        request.topicData().add(
            produceTopic(version, "orders", ORDERS_ID)
                .setPartitionData(List.of(batch(0, Batches.plain()), batch(5, Batches.single()))));
        request.topicData().add(produceTopic(version, "logs", LOGS_ID)
                                    .setPartitionData(List.of(batch(2, Batches.single()))));
        return request;
    }

    private static ProduceResponseData.TopicProduceResponse answeredTopic(int version, String name,
                                                                          Uuid id) {
        ProduceResponseData.TopicProduceResponse topic =
            new ProduceResponseData.TopicProduceResponse();
        return version >= 13 ? topic.setTopicId(id) : topic.setName(name);
    }

    private static ProduceResponseData.PartitionProduceResponse answer(int version, int index,
                                                                       int error, long offset) {
        return new ProduceResponseData.PartitionProduceResponse()
            .setIndex(index)
            .setErrorCode((short)error)
            .setBaseOffset(offset);
    }

    private static ProduceResponseData produceResponse(int version) {
        ProduceResponseData response = new ProduceResponseData().setThrottleTimeMs(17);
        ProduceResponseData.PartitionProduceResponse good =
            answer(version, 0, 0, 42_000_000_000L)
                .setLogAppendTimeMs(Batches.BASE_TIMESTAMP)
                .setLogStartOffset(11);
        ProduceResponseData.PartitionProduceResponse invalid =
            answer(version, 5, 87, -1)
                .setErrorMessage("two are bad")
                .setRecordErrors(
                    List.of(new ProduceResponseData.BatchIndexAndErrorMessage()
                                .setBatchIndex(1)
                                .setBatchIndexErrorMessage("no key"),
                            new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(2)));
        ProduceResponseData.PartitionProduceResponse moved = answer(version, 2, 6, -1);
        if (version >= 10) {
            moved.setCurrentLeader(
                new ProduceResponseData.LeaderIdAndEpoch().setLeaderId(3).setLeaderEpoch(9));
            response.nodeEndpoints().add(new ProduceResponseData.NodeEndpoint()
                                             .setNodeId(3)
                                             .setHost("broker-3.example")
                                             .setPort(9093)
                                             .setRack("r3"));
            response.nodeEndpoints().add(
                new ProduceResponseData.NodeEndpoint().setNodeId(4).setHost("b4").setPort(9094));
        }
        response.responses().add(answeredTopic(version, "orders", ORDERS_ID)
                                     .setPartitionResponses(List.of(good, invalid)));
        response.responses().add(
            answeredTopic(version, "logs", LOGS_ID).setPartitionResponses(List.of(moved)));
        return response;
    }

    static VectorFile produce() {
        VectorFile file = new VectorFile();
        for (int v = 3; v <= 13; v++) {
            file.request(ApiKeys.PRODUCE, v, "plain", produceRequest(v, null, -1));
            file.request(ApiKeys.PRODUCE, v, "transactional", produceRequest(v, "payments", 1));
            file.response(ApiKeys.PRODUCE, v, "plain", produceResponse(v));
            file.response(ApiKeys.PRODUCE, v, "empty", new ProduceResponseData());
        }
        return file;
    }
}
