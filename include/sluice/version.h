/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SLUICE_VERSION_H
#define SLUICE_VERSION_H

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0
#define SLUICE_VERSION_TEXT "0.1.0"

#define SLUICE_API __attribute__((visibility("default")))
#define SLUICE_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif
/* The version of the library that is linked, "0.1.0". Static storage. */
SLUICE_API const char *sluice_version(void);
#ifdef __cplusplus
}
#endif
#endif
