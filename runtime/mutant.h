/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RT_MUTANT(name), RT_UNLESS_MUTANT and RT_IF_MUTANT stand where a known mistake would be, if it
 * were made.
 *
 * The constant false, except in the preset `mutants`, where each name is a switch that the
 * environment turns on: there the tests show that they would see the mistake. What each breaks is
 * said in stress/mutants/mutants.def; a name that is not there does not link.
 */
#ifndef RT_MUTANT_H
#define RT_MUTANT_H

#include <stdbool.h>

#ifdef SLUICE_MUTANTS
#define RT_MUTANT(name)                                                                            \
    ({                                                                                             \
        extern bool rt_mutant_##name;                                                              \
        __builtin_expect(rt_mutant_##name, 0) != 0;                                                \
    })
#else
#define RT_MUTANT(name) false
#endif

/* A statement that the mutant leaves out, or that only it carries out. */
#define RT_UNLESS_MUTANT(name, statement) ((void)(RT_MUTANT(name) || ((statement), false)))
#define RT_IF_MUTANT(name, statement) ((void)(RT_MUTANT(name) && ((statement), false)))

#endif
