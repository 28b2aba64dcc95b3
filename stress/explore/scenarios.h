/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All scenarios; explore_scenarios lists them. */
#ifndef STRESS_EXPLORE_SCENARIOS_H
#define STRESS_EXPLORE_SCENARIOS_H

#include "stress/explore/explore.h"

extern const struct explore_scenario activation_scenario;
extern const struct explore_scenario spsc_scenario;
extern const struct explore_scenario mpsc_scenario;
extern const struct explore_scenario unbounded_scenario;
extern const struct explore_scenario budget_scenario;
extern const struct explore_scenario writing_scenario;
extern const struct explore_scenario queue_scenario;
extern const struct explore_scenario parking_scenario;
extern const struct explore_scenario passing_scenario;
extern const struct explore_scenario reports_scenario;
extern const struct explore_scenario descriptor_scenario;
extern const struct explore_scenario rows_scenario;
extern const struct explore_scenario pages_scenario;
extern const struct explore_scenario spans_scenario;
extern const struct explore_scenario order_scenario;

#endif
