/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/explore/scenarios.h"

const struct explore_scenario *const explore_scenarios[] = {
    &activation_scenario, &spsc_scenario,    &mpsc_scenario,       &unbounded_scenario,
    &budget_scenario,     &writing_scenario, &queue_scenario,      &parking_scenario,
    &passing_scenario,    &reports_scenario, &descriptor_scenario, &rows_scenario,
    &pages_scenario,      &spans_scenario,   &order_scenario,      NULL,
};
