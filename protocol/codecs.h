/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The codecs that are built, one file each; codec.c puts them into the table. */
#ifndef KAFKA_CODECS_H
#define KAFKA_CODECS_H

#include "protocol/codec.h"

extern const struct kafka_codec kafka_codec_gzip; /* gzip.c */

#endif
