/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STRESS_SIM_LEDGER_INTERNAL_H
#define STRESS_SIM_LEDGER_INTERNAL_H

#include "stress/sim/ledger.h"

/* 0 when the record is none of ours. */
uint64_t ledger_id_of(const sluice_broker_record *record);
bool ledger_same_bytes(struct ledger_entry *entry, const sluice_broker_record *found);
/* Whether the record may be in this partition: for one of the counts that its topic had. */
bool ledger_belongs_into(const struct ledger *ledger, struct ledger_entry *entry,
                         int32_t partition);

#endif
