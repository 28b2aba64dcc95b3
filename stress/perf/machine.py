# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the figures were measured on."""
import os
import pathlib
import platform
import re
import subprocess

BUSY_LOAD = 1.0


def describe(name='librdkafka', package='librdkafka1'):
    """With the version of the Debian package that is measured beside us, under this name."""
    cpu = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())
    version = re.match(r'\d+\.\d+', platform.release())
    found = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return {'cpu': cpu.group(1) if cpu else platform.machine(), 'cores': os.cpu_count(),
            'kernel': f'{platform.system()} {version.group()}',
            'memory_gib': round(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30),
            name: found or 'unknown'}


def line(machine, date, name='librdkafka'):
    return (f'Machine: {machine["cpu"]}, {machine["cores"]} cores, {machine["memory_gib"]} GiB, '
            f'{machine["kernel"]}; {name} {machine[name]}; {date}.')


def busy_note(load):
    """Nothing on a quiet machine: what else runs makes every figure worse, the rates most."""
    if load < BUSY_LOAD:
        return []
    return ['', f'**The machine was busy with other work (load {load:.1f} before the first round): '
            'rates and latencies are worth little, ratios somewhat more. Run it again.**']
