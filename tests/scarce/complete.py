# SPDX-License-Identifier: LGPL-2.1-or-later
"""complete.py CMAKELISTS ARCHIVE_OR_OBJECT...: what runtime, embedded broker and command import is
refused by a test here, or is listed below with the reason why it is not."""
import re
import subprocess
import sys

NOT_REFUSED = {
    'works on memory alone': """
        bcmp memchr memcmp memcpy memmem memmove memrchr memset stpcpy strchr strcmp strcpy
        strerror strlen strncmp strnlen strncpy strrchr strtoll strpbrk strcspn strspn
        qsort snprintf inet_pton getopt_long sigemptyset sigfillset abort free freeaddrinfo
        optarg opterr optind optopt""",
    'is the compiler\'s or the C library\'s own': """
        _GLOBAL_OFFSET_TABLE_ __errno_location __popcountdi2 __sched_cpucount __tls_get_addr
        __stack_chk_fail __assert_fail __isoc99_sscanf""",
    'has no errors but our own mistakes': """
        clock_getres clock_gettime getpid getrusage isatty pthread_detach pthread_getspecific
        pthread_join pthread_key_delete pthread_mutex_lock pthread_mutex_unlock pthread_once
        pthread_self sched_yield""",
    'fails without harm: nobody looks': 'pthread_atfork pthread_setname_np fcntl madvise munmap',
    'is liburcu\'s': """
        compat_futex_async urcu_qsbr_gp urcu_qsbr_reader urcu_qsbr_register_thread
        urcu_qsbr_synchronize_rcu urcu_qsbr_unregister_thread""",
    'is the simulator\'s, which ends with what it cannot have': """
        _longjmp _setjmp getcontext makecontext mprotect setcontext""",
    'writes to the terminal; main asks at the end whether it could': """
        fflush fprintf fputc fputs fwrite perror printf putc putchar puts stderr stdout vfprintf""",
    'reads the files of the demonstration': """
        access fclose fopen fread fts_close fts_open fts_read fts_set readlink""",
}


def names(option, files):
    printed = subprocess.run(['nm', '--format=posix', option, *files], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
    return {match[1] for match in re.finditer(r'^(\S+) [A-Za-z]\b', printed, re.M)}


def main():
    lists, *files = sys.argv[1:]
    with open(lists, encoding='utf-8') as opened:
        refused = set(re.search(r'set\(scarce_calls(.*?)\)', opened.read(), re.S)[1].split())
    known = refused.union(*(text.split() for text in NOT_REFUSED.values()))
    own = re.compile(r'(rt|kafka|sluice|broker)_')
    imported = {name for name in names('--undefined-only', files) if not own.match(name)}
    unknown = sorted(imported - names('--defined-only', files) - known)
    for name in unknown:
        print(f'{name}: expected a test that refuses it, or a reason in complete.py; seen neither')
    for name in sorted(refused - imported):
        print(f'{name}: expected to be used by the product, seen nowhere')
    sys.exit(1 if unknown or refused - imported else 0)


main()
