# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws CPU per record as horizontal bars, with the range of the rounds, as SVG."""
from xml.sax.saxutils import escape

KINDS = ('throughput', 'payload')
COLOURS = {'sluice': '#0072b2', 'librdkafka': '#d55e00', 'floor': '#999999'}
NAMES = {'sluice': 'Sluice', 'librdkafka': 'librdkafka', 'floor': 'floor'}
WIDTH, LEFT, RIGHT, TOP = 960, 330, 90, 70
BAR, GAP = 14, 18


def chart(results):
    """The bars of all throughput workloads; the axis begins at 0."""
    entries = [entry for entry in results['workloads'] if entry['kind'] in KINDS]
    figures = [program['cpu_ns_per_record'] for entry in entries
               for program in entry['programs'].values()]
    scale = (WIDTH - LEFT - RIGHT) / max([one['max'] for one in figures] or [1])
    body, y = [], TOP
    for entry in entries:
        group, y = bars(entry, y, scale)
        body += group
    machine = results['machine']
    head = [text(20, 26, 'CPU per record, ns (user + system of the producing process)', 16),
            text(20, 46, f'{machine["cpu"]}, {machine["cores"]} cores, {machine["kernel"]}; '
                         f'median of {results["runs"]} rounds, the line is min to max', 11)]
    for number, (program, colour) in enumerate(COLOURS.items()):
        x = WIDTH - 330 + 110 * number
        head += [f'<rect x="{x}" y="16" width="12" height="12" fill="{colour}"/>',
                 text(x + 18, 26, NAMES[program], 12)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
            f'viewBox="0 0 {WIDTH} {y}" font-family="sans-serif">\n'
            f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>\n'
            + '\n'.join(head + body) + '\n</svg>\n')


def bars(entry, y, scale):
    programs = [program for program in COLOURS if program in entry['programs']]
    middle = y + BAR * len(programs) / 2 + 4
    drawn = [text(LEFT - 10, middle, entry['workload'], 12, 'end')]
    for program in programs:
        spread = entry['programs'][program]['cpu_ns_per_record']
        low, median, high = (spread[part] * scale for part in ('min', 'median', 'max'))
        centre = y + BAR / 2 - 1
        drawn += [f'<rect x="{LEFT}" y="{y}" width="{median:.1f}" height="{BAR - 2}" '
                  f'fill="{COLOURS[program]}"/>',
                  f'<line x1="{LEFT + low:.1f}" y1="{centre}" x2="{LEFT + high:.1f}" '
                  f'y2="{centre}" stroke="#222222"/>',
                  text(LEFT + high + 6, y + BAR - 4, f'{spread["median"]:,.0f}', 11)]
        y += BAR
    return drawn, y + GAP


def text(x, y, words, size, anchor='start'):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="#222222" '
            f'text-anchor="{anchor}">{escape(words)}</text>')
