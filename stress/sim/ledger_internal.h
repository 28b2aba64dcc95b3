/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STRESS_SIM_LEDGER_INTERNAL_H
#define STRESS_SIM_LEDGER_INTERNAL_H

#include "stress/sim/ledger.h"

/* 0 when the record is none of ours. */
uint64_t ledger_id_of(const sluice_broker_record *record);
bool ledger_same_bytes(struct ledger_entry *entry, const sluice_broker_record *found);
/* Where the record must go; -1 when it may go anywhere, LEDGER_NOWHERE when it must be refused. */
enum { LEDGER_NOWHERE = -2 };
int32_t ledger_partition_of(const struct plan *plan, struct ledger_entry *entry);

#endif
