/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A producer whose broker says anything. Each request is answered with the next operations of the
 * input: a sound answer to ApiVersions, a frame with the right correlation id and hostile content,
 * bytes as they are, a hang-up, silence. The network cuts bytes anywhere.
 *
 * Checked (book.c): one report for each record, within the delivery timeout; close by its deadline;
 * all memory back.
 */
#include "stress/fuzz/book.h"

enum { OPERATIONS_MAX = 64, RECORDS = 6 };

struct play {
    struct fuzz_input *input;
    unsigned operations;
};

static void frame_say(struct peer_side *side, const struct kafka_request_header *header,
                      struct fuzz_input *input) {
    enum { HEADER_BYTES = 64 };
    uint8_t head[HEADER_BYTES];
    size_t size;
    uint8_t *body = fuzz_take(input, (size_t)fuzz_number(input, 2), &size);
    struct kafka_writer writer = kafka_writer_of(head, sizeof head);
    size_t at = kafka_frame_begin(&writer);
    kafka_response_header_encode(&writer, header->api_key, header->api_version,
                                 header->correlation_id);
    kafka_frame_end(&writer, at, size);
    peer_say(side, head, kafka_writer_size(&writer));
    peer_say(side, body, size);
    free(body);
}

/* False: and one more. */
static bool operation_play(struct peer *peer, struct peer_side *side,
                           const struct kafka_request_header *header, struct fuzz_input *input) {
    size_t size;
    uint8_t *bytes;
    uint8_t operation = fuzz_byte(input);
    switch (operation % 8) {
    case 0:
    case 1:
    case 2:
        if (peer_negotiate(peer, side, header)) {
            break;
        }
        frame_say(side, header, input);
        break;
    case 3:
    case 4:
        frame_say(side, header, input);
        break;
    case 5:
        bytes = fuzz_take(input, fuzz_byte(input), &size);
        peer_say(side, bytes, size);
        free(bytes);
        break;
    case 6:
        peer_hang_up(side);
        break;
    default:
        break; /* silence */
    }
    return operation < 192;
}

static void request_answer(struct peer *peer, struct peer_side *side,
                           const struct kafka_request_header *header, struct kafka_reader body) {
    struct play *play = peer->context;
    (void)body;
    if (play->input->left == 0 || play->operations == OPERATIONS_MAX) {
        peer_hang_up(side);
        return;
    }
    while (play->operations < OPERATIONS_MAX) {
        play->operations++;
        if (operation_play(peer, side, header, play->input)) {
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct play play = {.input = &input};
    struct book *book = book_open(&input, request_answer, &play);
    for (int i = 0; i < RECORDS; i++) {
        book_produce(book, i % BOOK_PARTITIONS, 20);
        book_run(book, i % 3 == 2 ? 30 : 0);
    }
    book_close(book);
    return 0;
}
