# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cells of the tables: medians of the rounds, and ratios as min / median / max."""

NOTHING = '–'


def median(entry, program, name, digits=0, scale=1):
    found = entry['programs'].get(program, {}).get(name)
    return NOTHING if found is None else f'{found["median"] / scale:,.{digits}f}'


def ratio(entry, name, other='librdkafka'):
    """Sluice to the other."""
    return range_of(entry.get(f'sluice_to_{other}', {}).get(name))


def to_base(entry, program, name):
    return range_of(entry.get('to_base', {}).get(program, {}).get(name))


def range_of(spread, digits=2):
    if spread is None:
        return NOTHING
    return ' / '.join(f'{spread[part]:,.{digits}f}' for part in ('min', 'median', 'max'))


def millions(entry, program):
    return median(entry, program, 'records_per_second', 2, 1e6)


def cpu(entry, program):
    return median(entry, program, 'cpu_ns_per_record')


def percentiles(entry, program):
    return ', '.join(median(entry, program, name) for name in ('p50_us', 'p99_us', 'p999_us'))


def both(cell, entry, *arguments, **options):
    """The same cell for Sluice and for librdkafka."""
    return [cell(entry, program, *arguments, **options) for program in ('sluice', 'librdkafka')]
