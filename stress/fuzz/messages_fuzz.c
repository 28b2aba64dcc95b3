/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every decoder of requests and responses.
 *
 * Input: a byte that says request or response, the API, its version, then the bytes behind the
 * frame's length. tests/protocol/walk.c reads all of it. Checked: a response that was understood is
 * written anew by the encoder of the embedded broker, and understood as the same (again.c).
 */
#include "protocol/api.h"
#include "stress/fuzz/again.h"
#include "stress/fuzz/fuzz.h"
#include "tests/protocol/walk.h"

enum { REQUEST, RESPONSE, KIND_COUNT };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    unsigned kind = fuzz_byte(&input) % KIND_COUNT;
    const struct kafka_api_info *api = &kafka_apis[fuzz_byte(&input) % KAFKA_API_COUNT];
    int16_t version = (int16_t)(fuzz_byte(&input) % (api->version_max + 1));
    uint8_t *bytes = fuzz_take(&input, input.left, &size);
    if (kind == REQUEST) {
        (void)walk_request(bytes, size);
    } else if (walk_response(bytes, size, api->key, version)) {
        again_check(bytes, size, api->key, version);
    }
    free(bytes);
    return 0;
}
