# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one scenario against a real Kafka or the embedded broker, from nothing to nothing:

    kafka_test.py SCENARIO [--version V] [--feed PROGRAM] [--sluice PROGRAM] [--name TEST]
                  [--build FOLDER] [--keep-logs FOLDER]

Exit status: 0 passed, 1 failed (with what was expected and seen), 77 skipped because
SLUICE_OFFLINE=1 says that nothing may be fetched.
"""
import argparse
import os
import pathlib
import shutil
import sys

sys.dont_write_bytecode = True

import fault_scenarios
import kafka_jars
from processes import Failure, Scratch, end_by_exception_on_signals
import restart_scenarios
import scenarios
import text_scenarios

SKIPPED = 77
SCENARIOS = {function.__name__: function for function in (
    scenarios.plain, scenarios.gzip, scenarios.restart, scenarios.failover, scenarios.late_topic,
    scenarios.controls, scenarios.interrupted, scenarios.wait_for_signal,
    restart_scenarios.unanswered, fault_scenarios.faults, fault_scenarios.replica_faults,
    fault_scenarios.deadlines, fault_scenarios.one_broker_away,
    text_scenarios.command, text_scenarios.embedded_kcat, text_scenarios.embedded_java)}
WITHOUT_JAVA = ('embedded_kcat',)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('scenario', choices=[*SCENARIOS, 'fetch'])
    parser.add_argument('--version', default=kafka_jars.VERSIONS[-1], choices=kafka_jars.VERSIONS)
    parser.add_argument('--feed', type=pathlib.Path, default='kafka_feed')
    parser.add_argument('--sluice', type=pathlib.Path, default='sluice')
    parser.add_argument('--name', help='of the test, to say how it is run alone')
    parser.add_argument('--build', default='build/dev', help='the build folder, for the same')
    parser.add_argument('--keep-logs', type=pathlib.Path, help='where logs go when it fails')
    return parser.parse_args()


def copy_logs(scratch, target):
    target.mkdir(parents=True, exist_ok=True)
    for log in [*scratch.folder.glob('*.log'), *scratch.folder.glob('*.err')]:
        shutil.copy(log, target)


def run(arguments):
    with Scratch() as scratch:
        setting = scenarios.Setting(scratch, arguments.version, arguments.feed, arguments.sluice,
                                    pathlib.Path(__file__).resolve())
        try:
            SCENARIOS[arguments.scenario](setting)
            return 0
        except Failure as failure:
            print(f'FAILED {arguments.scenario} with Kafka {arguments.version}: {failure}')
            if arguments.keep_logs:
                copy_logs(scratch, arguments.keep_logs)
                print(f'logs: {arguments.keep_logs}')
            if arguments.name:
                print(f"alone: ctest --test-dir {arguments.build} -R '^{arguments.name}$' "
                      '--output-on-failure')
            return 1


def main():
    end_by_exception_on_signals()
    arguments = read_arguments()
    if os.environ.get('SLUICE_OFFLINE') == '1' and arguments.scenario not in WITHOUT_JAVA:
        print('skipped: SLUICE_OFFLINE=1, and Kafka\'s jars come from the network')
        return SKIPPED
    if arguments.scenario == 'fetch':
        kafka_jars.classes(arguments.version)
        return 0
    return run(arguments)


if __name__ == '__main__':
    sys.exit(main())
