# SPDX-License-Identifier: LGPL-2.1-or-later
"""The arithmetic of the benchmarks: ratios, workloads, and what callgrind's files come to."""
import sys
import unittest

sys.dont_write_bytecode = True

import budget
import callgrind
import running
import workloads

# main calls work 10 times, work calls itself once and has a line of another file in it.
PROFILE = '''positions: line
events: Ir
ob=/program
fl=main.c
fn=main
5 100
cfn=work
calls=10 20
6 {inclusive}

fn=work
20 {own}
fi=inline.h
7 {inlined}
fe=main.c
21 10
cfn=work
calls=1 20
21 50

ob=/lib/libdeep.so.1
fl=???
fn=0x0000000000001234
0 30
'''


def profile(own, inlined):
    text = PROFILE.format(own=own, inlined=inlined, inclusive=own + inlined + 10)
    return callgrind.read(text.splitlines())


class Callgrind(unittest.TestCase):
    def test_costs_of_calls_are_inclusive_only_and_recursions_count_once(self):
        costs = profile(200, 40)
        self.assertEqual(costs.self_cost['main', 'main.c'], 100)
        self.assertEqual(costs.inclusive['main', 'main.c'], 350)
        self.assertEqual(costs.self_cost['work', 'main.c'], 250)
        self.assertEqual(costs.inclusive['work', 'main.c'], 250)
        self.assertEqual(costs.total(), 380)

    def test_inlined_lines_belong_to_their_file(self):
        costs = profile(200, 40)
        self.assertEqual(costs.lines['inline.h', 7], 40)
        self.assertEqual(costs.lines['main.c', 21], 10)

    def test_a_library_without_symbols_is_one_function(self):
        self.assertEqual(profile(1, 1).self_cost['(libdeep.so.1, no symbols)', ''], 30)

    def test_start_up_is_not_in_the_difference(self):
        costs = callgrind.difference(profile(200, 40), profile(600, 80), 10)
        self.assertEqual(costs.self_cost['work', 'main.c'], 44)
        self.assertEqual(costs.self_cost['main', 'main.c'], 0)
        self.assertEqual(costs.inclusive['main', 'main.c'], 44)


def entry(instructions, **functions):
    return {'instructions': instructions, 'functions': functions}


class Budget(unittest.TestCase):
    def test_only_what_the_product_executes_counts_and_what_libraries_do_for_it(self):
        costs = callgrind.Costs()
        ours, sim = ('produce.part.0', 'actors/producer/produce.c'), ('put', 'runtime/sim_net.c')
        copy = ('memcpy', './string/memcpy.S')
        files = {name: str(callgrind.ROOT / file) for name, file in (ours, sim)}
        ours, sim = (ours[0], files[ours[0]]), (sim[0], files[sim[0]])
        costs.self_cost.update({ours: 10, sim: 20, copy: 7})
        costs.inclusive.update({ours: 12, sim: 25, copy: 7})
        costs.calls.update({(ours, copy): 2, (sim, copy): 5})
        self.assertEqual(budget.functions_of(costs),
                         {'actors/producer/produce.c: produce': 10, 'libraries: memcpy': 2})

    def test_five_percent_are_tolerated(self):
        self.assertEqual(budget.complaint('keyed', entry(100), entry(104.9)), [])
        self.assertEqual(budget.complaint('keyed', entry(100), entry(95.1)), [])

    def test_what_grew_is_named_the_most_first(self):
        lines = budget.complaint('keyed', entry(100, a=50, b=50), entry(106, a=51, b=49, c=6))
        self.assertIn('6.0% above', lines[0])
        self.assertEqual([line.split()[-1] for line in lines[1:-1]], ['c', 'a'])
        self.assertIn('./run budget --record keyed', lines[-1])

    def test_a_budget_that_is_too_large_is_to_be_recorded_anew(self):
        lines = budget.complaint('keyed', entry(100), entry(94))
        self.assertEqual(len(lines), 1)
        self.assertIn('below the recorded 100.0; record anew: ./run budget --record', lines[0])


class Ratios(unittest.TestCase):
    def test_they_are_taken_within_a_round(self):
        found = running.ratios([({'cpu': 1, 'only': 1}, {'cpu': 2}), ({'cpu': 9}, {'cpu': 3})])
        self.assertEqual(found, {'cpu': {'min': 0.5, 'median': 1.75, 'max': 3}})

    def test_a_schedule_is_a_share_of_the_same_rounds_rate(self):
        row = next(one for one in workloads.load() if one.share == 0.5)
        row, rate = running.on_schedule(row, {'librdkafka': {'records_per_second': 2e6}})
        self.assertEqual((rate, row.records), (1_000_000, 1_000_000 * workloads.LOAD_SECONDS))


class Workloads(unittest.TestCase):
    def test_each_has_an_id_of_its_own(self):
        ids = [one.id for group in workloads.groups() for one in group]
        self.assertEqual(len(ids), len(set(ids)))

    def test_a_chosen_one_brings_the_base_of_its_group(self):
        chosen = [[one.id for one in group] for group in workloads.chosen('threads-one-4')]
        self.assertEqual(chosen, [['threads-one-1', 'threads-one-4']])


if __name__ == '__main__':
    unittest.main()
