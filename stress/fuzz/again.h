/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A response that was understood must be understood the same way when the broker's encoder has
 * written it again. */
#ifndef STRESS_FUZZ_AGAIN_H
#define STRESS_FUZZ_AGAIN_H

#include <stddef.h>
#include <stdint.h>

/* `bytes` begin behind the frame's length, and were understood. */
void again_check(const uint8_t *bytes, size_t size, int16_t api_key, int16_t version);

#endif
