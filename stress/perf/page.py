# SPDX-License-Identifier: LGPL-2.1-or-later
"""The results as a page in Markdown, and the short table of the root's README."""
import re

import cells
import machine
import tables

README_ROWS = {'100-nokey': '100 B, no key', '100-keyed': '100 B, keyed',
               '1024-nokey': '1 KB, no key', '1024-keyed': '1 KB, keyed'}


def table_lines(kind, entries):
    title, text, columns, row = tables.TABLES[kind]
    lines = ['', f'## {title}', '', text, '', f'| | {" | ".join(columns)} |',
             '|---|' + '---:|' * len(columns)]
    return lines + [f'| {one["workload"]} | {" | ".join(row(one))} |' for one in entries]


def ceiling(results):
    """What the sink can take, as the floor shows it."""
    rates = [(one['programs']['floor']['records_per_second']['max'], one)
             for one in results['workloads'] if one['kind'] == 'throughput'
             and one['programs'].get('floor')]
    if not rates:
        return []
    rate, best = max(rates, key=lambda pair: pair[0])
    return ['', f'**The sink is not what is measured:** one thread of the floor gets '
            f'{rate / 1e6:.1f} million records a second into it ({best["workload"]}), and the '
            'columns *sink busy* show how much of its thread it used; at 100 % it would be the '
            'limit. The floor\'s rate beside Sluice\'s shows, workload by workload, how near.']


def page(results):
    lines = ['# Sluice, librdkafka and the floor', '',
             f'Made by `./run bench`; do not edit. Medians of {results["runs"]} rounds, each '
             'program once a round; the same program around each library '
             '([stress/perf](../../stress/perf/README.md)), on loopback, against the embedded '
             'broker, which keeps nothing but offsets. One topic of 4 partitions where nothing '
             'else is said.', '', machine.line(results['machine'], results['date']),
             *machine.busy_note(results['load']), '',
             '**S** is Sluice, **R** is librdkafka, **F** is the floor: a loop that encodes '
             'straight into a batch, checksums it and sends it, without threads or reports. *CPU* '
             'is user and system time of the producing process. *S to R* is Sluice divided by '
             'librdkafka, min / median / max of the rounds. Unless a row says otherwise each '
             'library has its own defaults and `linger.ms=5`.', *ceiling(results)]
    for kind in tables.TABLES:
        entries = [one for one in results['workloads'] if one['kind'] == kind]
        if entries:
            lines += table_lines(kind, entries)
    return '\n'.join(lines) + '\n'


def readme_table(results):
    version = results['machine']['librdkafka'].split('-')[0]
    lines = [f'| | Sluice | librdkafka {version} | ratio | Sluice, records/s | '
             'librdkafka, records/s |', '|---|' + '---:|' * 5]
    for one in results['workloads']:
        if one['id'] in README_ROWS:
            ratio = one['sluice_to_librdkafka']['cpu_ns_per_record']['median']
            rates = cells.both(cells.median, one, 'records_per_second', digits=1, scale=1e6)
            lines.append(f'| {README_ROWS[one["id"]]} | {cells.cpu(one, "sluice")} ns | '
                         f'{cells.cpu(one, "librdkafka")} ns | {ratio:.2f} | '
                         f'{rates[0]} M | {rates[1]} M |')
    return '\n'.join(lines)


def publish_in(readme, results):
    """Puts the table between the marks of the README."""
    marked = re.compile(r'(<!-- figures -->\n).*?(\n<!-- end -->)', re.S)
    table = readme_table(results)
    readme.write_text(marked.sub(lambda found: found[1] + table + found[2], readme.read_text()))
