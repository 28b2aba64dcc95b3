# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong usage ends with status 2 and one line; help and version end with 0."""
import subprocess

from harness import COMMAND, SECONDS_MAX, equal, main, sluice

HERE = 'localhost:1'
COMMANDS = ('demo', 'produce', 'broker', 'metadata', 'bench')
WRONG = (
    [],
    ['frobnicate'],
    ['--frobnicate'],
    ['demo', '--seconds'],
    ['demo', '--seconds', '0'],
    ['demo', '--seconds', 'ten'],
    ['demo', 'one', 'two'],
    ['produce'],
    ['produce', '-b', HERE],
    ['produce', '-t', 'topic'],
    ['produce', '-b', HERE, '-t', 'topic', '-q'],
    ['produce', '-b', HERE, '-t', 'topic', '--frobnicate'],
    ['produce', '-b', HERE, '-t', 'topic', '--json=yes'],
    ['produce', '-b', HERE, '-t'],
    ['produce', '-b', 'localhost', '-t', 'topic'],
    ['produce', '-b', HERE, '-t', 'topic', '-p', 'first'],
    ['produce', '-b', HERE, '-t', 'topic', '-p', '-1'],
    ['produce', '-b', HERE, '-t', 'topic', '-K', ''],
    ['produce', '-b', HERE, '-t', 'topic', '-K', '\\q'],
    ['produce', '-b', HERE, '-t', 'topic', '-K', 'a\\tb'],
    ['produce', '-b', HERE, '-t', 'topic', '-H', 'header'],
    ['produce', '-b', HERE, '-t', 'topic', '-z', 'lz4'],
    ['produce', '-b', HERE, '-t', 'topic', '-X', 'linger.ms'],
    ['produce', '-b', HERE, '-t', 'topic', '-X', 'linge.ms=1'],
    ['produce', '-b', HERE, '-t', 'topic', '-X', 'linger.ms=soon'],
    ['produce', '-b', HERE, '-t', 'topic', '-X', 'security.protocol=SSL'],
    ['produce', '-b', HERE, '-t', 'topic', '-X', 'enable.idempotence=true', '-X', 'acks=1'],
    ['produce', '-b', HERE, '-t', 'no spaces'],
    ['produce', '-b', HERE, '-t', ''],
    ['broker', '--port', '65536'],
    ['broker', '--port', '65535', '--brokers', '2'],
    ['broker', '--brokers', '0'],
    ['broker', '--partitions', 'x'],
    ['broker', '9092'],
    ['metadata'],
    ['metadata', '-b', HERE, 'topic'],
    ['metadata', '-b', HERE, '-t', ''],
    ['metadata', '-b', HERE, '-t', '..'],
    ['help', 'frobnicate'],
    ['help', 'demo', 'produce'],
    ['version', 'x'],
    ['--version', 'x'],
    ['demo', '--records', 'x'],
    ['demo', '--records=x'],
    ['produce', '-b', HERE, '-t', 'topic', '-X', 'bootstrap.servers=localhost:2'],
    ['produce', '-X', 'metadata.broker.list=localhost:2', '-b', HERE, '-t', 'topic'],
    ['produce', '-b', HERE, '-b', 'localhost:2', '-t', 'topic'],
    ['metadata', '-b', HERE, '-X', 'bootstrap.servers=localhost:2'],
    ['bench', '-b', HERE, '-X', 'bootstrap.servers=localhost:2'],
    ['bench'],
    ['bench', '-b', HERE, '--records', '0'],
    ['bench', '-b', HERE, '--threads', '100000'],
    ['bench', '-b', HERE, '--size', '-1'],
)


def test_wrong_usage_is_told_in_one_line_with_status_2():
    for words in WRONG:
        result = sluice(*words)
        equal(result.status, 2, f'status of {words}')
        equal(result.stdout, b'', f'standard output of {words}')
        lines = result.text.splitlines()
        equal(len(lines), 1, f'lines of {words}: {lines}')
        assert 'sluice' in lines[0], lines[0]


def test_the_nearest_option_is_named():
    result = sluice('produce', '-b', HERE, '-t', 'topic', '-X', 'linge.ms=1')
    assert 'linger.ms' in result.text, result.text


def test_an_escape_that_is_none_is_told_with_its_option():
    result = sluice('produce', '-b', HERE, '-t', 'topic', '-K', '\\q')
    assert '-K \\q: ' in result.text and 'a tab' in result.text, result.text


# What was asked for, and how the one line begins.
PRECISE = (
    (['demo', '--records', 'x'], 'sluice demo: there is no option --records '),
    (['demo', '--records=x'], 'sluice demo: there is no option --records '),
    (['demo', '-r', 'x'], 'sluice demo: there is no option -r '),
    (['demo', '--seconds'], 'sluice demo: --seconds needs a value '),
    (['demo', '--help=x'], 'sluice demo: --help takes no value: --help=x '),
    (['demo', 'one', 'two'], 'sluice demo: "two" is one folder too many '),
    (['bench', '--t', '1'], 'sluice bench: --t is short for more than one option '),
    (['version', 'x'], 'sluice version: "x" is one argument too many '),
    (['help', 'demo', 'x'], 'sluice help: "x" is one argument too many '),
)


def test_what_is_wrong_is_told_precisely():
    for words, beginning in PRECISE:
        text = sluice(*words).text
        assert text.startswith(beginning), f'{words}: {text}'


def test_two_places_to_ask_are_told_both():
    for option in ('bootstrap.servers', 'metadata.broker.list'):
        result = sluice('produce', '-b', HERE, '-X', f'{option}=localhost:2', '-t', 'topic')
        assert f'first {HERE}, then localhost:2' in result.text, result.text
        result = sluice('produce', '-X', f'{option}=localhost:2', '-b', HERE, '-t', 'topic')
        assert f'first localhost:2, then {HERE}' in result.text, result.text


def test_the_same_place_may_be_given_twice():
    result = sluice('produce', '-b', HERE, '-X', f'bootstrap.servers={HERE}')
    assert '-t TOPIC is missing' in result.text, result.text


def test_help_is_everywhere():
    for words in [['--help'], ['help'], ['version', '--help'],
                  *([command, '--help'] for command in COMMANDS),
                  *(['help', command] for command in COMMANDS)]:
        result = sluice(*words)
        equal(result.status, 0, f'status of {words}')
        equal(result.text, '', f'standard error of {words}')
        assert result.stdout.startswith(b'usage: sluice'), result.stdout


def test_a_folder_that_is_not_there_is_told():
    result = sluice('demo', '/no/such/folder')
    equal(result.status, 1, 'status')
    assert 'No such file or directory' in result.text, result.text


def test_help_names_every_option_of_the_command():
    help_text = sluice('produce', '--help').stdout.decode()
    for option in ('-b', '-t', '-p', '-K', '-H', '-z', '-X', '--json', 'FILE'):
        assert option in help_text, option


def test_version_is_shown():
    for word in ('version', '--version', '-V'):
        result = sluice(word)
        equal(result.status, 0, 'status')
        assert result.stdout.startswith(b'sluice 0.'), result.stdout


def test_output_that_cannot_be_written_is_told():
    for words in (['--help'], ['help', 'demo'], ['demo', '--help'], ['version'], ['--version'],
                  ['version', '--help']):
        with open('/dev/full', 'wb') as full:
            done = subprocess.run([COMMAND, *words], stdin=subprocess.DEVNULL, stdout=full,
                                  stderr=subprocess.PIPE, timeout=SECONDS_MAX)
        equal(done.returncode, 1, f'status of {words}')
        assert b'standard output: No space left' in done.stderr, done.stderr


if __name__ == '__main__':
    main(globals())
