# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kafka's jars, fetched once from the Maven repository, and our Java classes compiled against them.

Both live in a cache folder (SLUICE_KAFKA_CACHE, else ~/.cache/sluice-kafka), named by a hash of
what they are made from: a changed pom or source makes a new one. Processes that come at the same
time take turns on a lock; what is half made never gets its final name.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

VERSIONS = ('3.9.2', '4.3.1')
COPY_JARS = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
HERE = pathlib.Path(__file__).resolve().parent


def cache_folder():
    named = os.environ.get('SLUICE_KAFKA_CACHE')
    if named:
        return pathlib.Path(named)
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(base) / 'sluice-kafka'


def made_once(name, sources, make):
    """Returns the folder `name`-HASH of the cache, made by make(folder) if it is not there."""
    digest = hashlib.sha256()
    for source in sorted(sources):
        digest.update(source.read_bytes())
    folder = cache_folder() / f'{name}-{digest.hexdigest()[:12]}'
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half_made = folder.parent / (folder.name + '.new')
            shutil.rmtree(half_made, ignore_errors=True)
            half_made.mkdir()
            make(half_made)
            half_made.rename(folder)
    return folder


def run_quietly(command, what):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f'{what} failed: {" ".join(map(str, command))}\n{done.stdout[-4000:]}')


def jars(version):
    """The folder with every jar that a broker of this version needs, clients included."""
    pom = HERE / 'maven' / version / 'pom.xml'

    def fetch(folder):
        # Maven writes beside the pom, so it works on a copy.
        shutil.copy(pom, folder)
        run_quietly(['mvn', '-q', '-B', '-f', folder / 'pom.xml', COPY_JARS,
                     '-DincludeScope=runtime', f'-DoutputDirectory={folder / "jars"}'],
                    f'fetching the jars of Kafka {version}')

    return made_once(f'kafka-{version}', [pom], fetch) / 'jars'


def classes(version):
    """The folder with tests/kafka/java, compiled against this version's clients."""
    libraries = jars(version)
    sources = list((HERE / 'java').glob('*.java'))

    def compile_sources(folder):
        run_quietly(['javac', '-Xlint:all', '-Werror', '-encoding', 'UTF-8', '-d', folder,
                     '-cp', f'{libraries}/*', *sources], 'compiling tests/kafka/java')

    return made_once(f'classes-{version}', sources, compile_sources)


def logging_flags(version, file):
    """How a JVM of this version is told where to log: 3.9 speaks log4j 1, 4.x log4j 2."""
    folder = HERE / 'maven'
    if version.startswith('3.'):
        return [f'-Dlog4j.configuration=file:{folder / (file + ".properties")}']
    return [f'-Dlog4j2.configurationFile={folder / (file + ".xml")}']


def java_command(version, main_class, *arguments):
    """The command that runs one of our Java programs; quick to start rather than quick for long."""
    return ['java', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
            *logging_flags(version, 'client'), '-cp', f'{classes(version)}:{jars(version)}/*',
            main_class, *map(str, arguments)]


if __name__ == '__main__':
    for wanted in VERSIONS:
        classes(wanted)
