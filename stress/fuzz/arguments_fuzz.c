/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of `sluice produce` and `sluice bench`. Input: a byte that says which, then the
 * arguments, each ended by a NUL.
 *
 * Checked: arguments that are refused are told of in one line on standard error; those that are
 * accepted make a request that can be run.
 */
#include <getopt.h>
#include <stdio.h>

#include "cli/bench/bench.h"
#include "cli/produce/produce.h"
#include "stress/fuzz/fuzz.h"

enum { ARGUMENTS_MAX = 64 };

struct words {
    char *all[ARGUMENTS_MAX + 1]; /* as main gets them: the last one is NULL */
    int count;
    bool newline; /* in one of them, so that an error that cites it has more lines */
};

static void words_read(struct words *words, const uint8_t *data, size_t size, const char *command) {
    *words = (struct words){.count = 1};
    words->all[0] = strdup(command);
    while (size > 0 && words->count < ARGUMENTS_MAX) {
        size_t word = strnlen((const char *)data, size);
        words->newline |= memchr(data, '\n', word) != NULL;
        words->all[words->count++] = strndup((const char *)data, word);
        word += word < size ? 1 : 0;
        data += word;
        size -= word;
    }
}

/* What was printed meanwhile. */
struct told {
    FILE *out, *err; /* the real ones */
    char *text;
    size_t size;
};

static void told_begin(struct told *told) {
    *told = (struct told){.out = stdout, .err = stderr};
    stderr = open_memstream(&told->text, &told->size);
    stdout = fopen("/dev/null", "w");
    RT_ASSERT(stderr != NULL && stdout != NULL);
}

static void told_end(struct told *told) {
    (void)fclose(stderr);
    (void)fclose(stdout);
    stderr = told->err;
    stdout = told->out;
}

static void check_status(const struct told *told, int status, const struct words *words) {
    RT_ASSERT(status == EXIT_DONE || status == EXIT_USAGE || status == -1);
    RT_ASSERT((status == EXIT_USAGE) == (told->size > 0));
    if (status == EXIT_USAGE && !words->newline) {
        RT_ASSERT(strchr(told->text, '\n') == told->text + told->size - 1);
    }
}

static void check_request(const struct request *request, const struct words *words) {
    sluice_error error;
    RT_ASSERT(request->topic != NULL);
    RT_ASSERT(request->partition >= SLUICE_PARTITION_ANY);
    RT_ASSERT(request->delimiter == NULL || request->delimiter_size > 0);
    RT_ASSERT(request->header_count < (size_t)words->count);
    for (size_t i = 0; i < request->header_count; i++) {
        RT_ASSERT(strchr(request->headers[i].name, '=') == NULL);
        RT_ASSERT(request->headers[i].value_size == strlen(request->headers[i].value));
    }
    RT_ASSERT(request->file_count >= 0 && request->file_count < words->count);
    RT_ASSERT(request->files[request->file_count] == NULL);
    RT_ASSERT(sluice_config_check(request->config, &error) == SLUICE_OK);
}

static void produce_read(struct words *words) {
    struct request request;
    struct told told;
    told_begin(&told);
    int status = request_read(&request, words->count, words->all);
    told_end(&told);
    check_status(&told, status, words);
    if (status == EXIT_DONE) {
        check_request(&request, words);
    }
    request_free(&request);
    free(told.text);
}

static void bench_read(struct words *words) {
    struct bench bench = {.config = sluice_config_new(),
                          .topic_count = 1,
                          .record_count = 1,
                          .record_bytes = 1,
                          .thread_count = 1};
    struct told told;
    told_begin(&told);
    int status = bench_arguments_read(&bench, words->count, words->all);
    told_end(&told);
    check_status(&told, status, words);
    if (status == EXIT_DONE) {
        RT_ASSERT(bench.topic_count >= 1 && bench.record_count >= 1 && bench.record_bytes >= 0);
        RT_ASSERT(bench.thread_count >= 1 && bench.thread_count <= BENCH_THREADS_MAX);
    }
    sluice_config_free(bench.config);
    free(told.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct words words;
    bool bench = fuzz_byte(&input) % 4 == 1;
    words_read(&words, input.at, input.left, bench ? "bench" : "produce");
    optind = 0; /* glibc: begin anew */
    if (bench) {
        bench_read(&words);
    } else {
        char *all[ARGUMENTS_MAX + 1]; /* getopt changes their order */
        memcpy(all, words.all, sizeof all);
        produce_read(&words);
        memcpy(words.all, all, sizeof all);
    }
    for (int i = 0; i < words.count; i++) {
        free(words.all[i]);
    }
    return 0;
}
