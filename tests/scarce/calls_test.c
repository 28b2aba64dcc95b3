/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each call of the system that the runtime makes fails in each way that its manual page tells of,
 * for arguments like ours, at its first, second, ... use, until a whole run no longer gets there.
 *
 * Not here: what only our own mistakes bring about (EBADF, EFAULT, ENOTSOCK, EINVAL, ...), and
 * clock_gettime, sched_yield, pthread_join and the like, which then cannot fail.
 */
#include <errno.h>
#include <netdb.h>

#include "scarce/trial.h"

enum { USES_MAX = 12, MORE_USES_MAX = 3, ERRORS_MAX = 16 };

struct row {
    enum call call;
    int errors[ERRORS_MAX]; /* up to a 0 */
};

/* While a producer runs: it goes on, and every record is persisted. */
static const struct row passing[] = {
    {CALL_SOCKET, {EACCES, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTONOSUPPORT}},
    {CALL_CONNECT,
     {EACCES, EPERM, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, ECONNREFUSED, EINPROGRESS,
      EINTR, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT}},
    {CALL_SO_ERROR, {ENOBUFS, ENOMEM}},
    {CALL_OUTCOME,
     {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNRESET, EACCES, ENOPROTOOPT}},
    {CALL_SETSOCKOPT, {ENOBUFS, ENOMEM, ENOPROTOOPT}},
    {CALL_GETSOCKNAME, {ENOBUFS}},
    {CALL_GETPEERNAME, {ENOBUFS, ENOTCONN}},
    {CALL_POLL, {EINTR, ENOMEM}},
    {CALL_RECV,
     {EAGAIN, EINTR, ECONNREFUSED, ECONNRESET, ENOMEM, ENOTCONN, ETIMEDOUT, EHOSTUNREACH}},
    {CALL_SENDMSG,
     {EAGAIN, EINTR, EACCES, ECONNRESET, ENOBUFS, ENOMEM, ENOTCONN, EPIPE, ENETUNREACH,
      EHOSTUNREACH, ETIMEDOUT}},
    {CALL_EPOLL_ADD, {ENOMEM, ENOSPC}},
    {CALL_EPOLL_DELETE, {ENOMEM, ENOENT}},
    {CALL_EPOLL_WAIT, {EINTR}},
    {CALL_EPOLL_PWAIT2, {EINTR, ENOSYS, EPERM}},
    {CALL_READ, {EAGAIN, EINTR}},
    {CALL_WRITE, {EAGAIN, EINTR}},
    {CALL_CLOSE, {EINTR, EIO, ENOSPC, EDQUOT}},
    {CALL_FUTEX_WAIT, {EAGAIN, EINTR}},
    {CALL_GETADDRINFO, {EAI_AGAIN, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NONAME, EAI_SYSTEM}},
    {CALL_GETRANDOM, {EAGAIN, EINTR, ENOSYS}},
    {CALL_AFFINITY, {ENOSYS, EPERM}},
};

/* What a world cannot begin without: refused with a clear error, or helped without. */
static const struct row refusing[] = {
    {CALL_EPOLL_CREATE, {EMFILE, ENFILE, ENOMEM}},
    {CALL_EVENTFD, {EMFILE, ENFILE, ENODEV, ENOMEM}},
    {CALL_THREAD_CREATE, {EAGAIN, EPERM}},
    {CALL_KEY_CREATE, {EAGAIN, ENOMEM}},
    {CALL_KEY_SET, {ENOMEM}},
    {CALL_SIGMASK, {EINVAL}},
};

/* On the embedded broker's side. */
static const struct row serving[] = {
    {CALL_BIND, {EACCES, EADDRINUSE, EADDRNOTAVAIL}},
    {CALL_LISTEN, {EADDRINUSE}},
    {CALL_ACCEPT,
     {EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO, EPERM, ENETDOWN,
      ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH}},
};

static const char *const quick[] = {"reconnect.backoff.ms",
                                    "2",
                                    "reconnect.backoff.max.ms",
                                    "20",
                                    "retry.backoff.ms",
                                    "2",
                                    "retry.backoff.max.ms",
                                    "20",
                                    NULL};

/* Every use in turn; where another error was tried at every use, the first ones. */
static void use_fails(const struct row *row, int error, bool spare_broker, bool must_persist) {
    char name[80];
    uint32_t uses_max = error == row->errors[0] ? USES_MAX : MORE_USES_MAX;
    struct trial trial = {
        .name = name, .settings = quick, .name_lookup = row->call == CALL_GETADDRINFO};
    uint32_t nth = 0;
    do {
        struct call_plan plan = {row->call, ++nth, 1, error, spare_broker};
        trial.split = nth % 4 == 0;
        snprintf(name, sizeof name, "%s fails with %d at use %u", call_name(row->call), error, nth);
        trial_run(&trial, &plan);
        if (must_persist && !trial.split) { /* the first of some is the world's own */
            cr_expect(trial.end == TRIAL_PERSISTED || (trial.end == TRIAL_REFUSED && nth == 1),
                      "%s", name);
        }
    } while (trial.calls >= nth && nth < uses_max);
    cr_expect(nth > 1 || trial.calls == 1, "%s is never used", call_name(row->call));
}

static void rows_fail(const struct row *rows, size_t count, bool spare_broker, bool must_persist) {
    for (size_t i = 0; i < count; i++) {
        for (const int *error = rows[i].errors; *error != 0; error++) {
            use_fails(&rows[i], *error, spare_broker, must_persist);
        }
    }
}

#define ROWS(rows) rows, sizeof(rows) / sizeof(rows)[0]

Test(calls, that_fail_once_cost_no_record) {
    rows_fail(ROWS(passing), true, true);
}

Test(calls, that_fail_at_open_refuse_it_clearly) {
    rows_fail(ROWS(refusing), true, false);
}

Test(calls, of_the_broker_that_fail_once_cost_no_outcome) {
    rows_fail(ROWS(serving), false, false);
}

/* ---- for good -------------------------------------------------------------------------------- */

static void for_good(const struct row *row, int error) {
    static const char *const hasty[] = {"delivery.timeout.ms",
                                        "600",
                                        "request.timeout.ms",
                                        "400",
                                        "reconnect.backoff.max.ms",
                                        "100",
                                        NULL};
    char name[80];
    struct trial trial = {
        .name = name, .settings = hasty, .name_lookup = row->call == CALL_GETADDRINFO};
    struct call_plan plan = {row->call, 1, UINT32_MAX, error, true};
    snprintf(name, sizeof name, "%s always fails with %d", call_name(row->call), error);
    trial_run(&trial, &plan);
}

Test(calls, that_always_fail_end_in_one_outcome_a_record) {
    static const struct row rows[] = {
        {CALL_SOCKET, {EMFILE, EACCES}},
        {CALL_CONNECT, {EACCES, ENETUNREACH, EINTR}},
        {CALL_SO_ERROR, {ENOBUFS}},
        {CALL_OUTCOME, {ETIMEDOUT}},
        {CALL_SETSOCKOPT, {ENOPROTOOPT}},
        {CALL_POLL, {ENOMEM}},
        {CALL_RECV, {ECONNRESET, ENOMEM}},
        {CALL_SENDMSG, {EPIPE, ENOBUFS}},
        {CALL_EPOLL_ADD, {ENOSPC}},
        {CALL_EPOLL_PWAIT2, {ENOSYS}},
        {CALL_GETADDRINFO, {EAI_NONAME, EAI_AGAIN}},
        {CALL_GETRANDOM, {ENOSYS}},
        {CALL_CLOSE, {EINTR}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (const int *error = rows[i].errors; *error != 0; error++) {
            for_good(&rows[i], *error);
        }
    }
}

/* ---- short counts ---------------------------------------------------------------------------- */

Test(calls, that_move_few_bytes_move_all_of_them) {
    static const char *const packed[] = {"compression.type", "gzip", NULL};
    for (uint32_t bytes = 1; bytes <= 64; bytes = bytes * 3 + 1) {
        char name[40];
        struct trial trial = {.name = name, .settings = bytes % 2 == 0 ? packed : NULL};
        snprintf(name, sizeof name, "at most %u bytes a call", bytes);
        calls_shorten(bytes);
        trial_run(&trial, &(struct call_plan){.spare_broker = true});
        calls_shorten(0);
        cr_expect_eq(trial.end, TRIAL_PERSISTED, "%s", name);
    }
}
