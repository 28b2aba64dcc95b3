/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `sluice COMMAND`: finds the subcommand. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

struct command {
    const char *name;
    command_run run;
    const char *text;
};

static const struct command commands[] = {
    {"demo", demo_run, "see it work: three brokers in this process, faults, everything read back"},
    {"produce", produce_run, "write lines of files or of standard input to a topic"},
    {"broker", broker_run, "run the embedded broker on loopback"},
    {"metadata", metadata_run, "show brokers, topics, partitions and leaders"},
    {"bench", bench_run, "measure"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct command *command_find(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int help(void) {
    (void)printf("usage: sluice COMMAND [OPTION]...\n\nA Kafka producer. Commands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)printf("  %-9s %s\n", commands[i].name, commands[i].text);
    }
    (void)printf("  %-9s %s\n\n`sluice COMMAND --help` says more.\n", "version",
                 "show the version");
    return EXIT_DONE;
}

static bool is_one_of(const char *word, const char *first, const char *second, const char *third) {
    return strcmp(word, first) == 0 || strcmp(word, second) == 0 || strcmp(word, third) == 0;
}

static int command_unknown(const char *name) {
    (void)fprintf(stderr, "sluice: there is no command \"%s\" (see sluice --help)\n", name);
    return EXIT_USAGE;
}

static int too_many(const char *command, const char *argument) {
    return usage_error(command, "\"%s\" is one argument too many", argument);
}

static int help_about(char *name) {
    const struct command *command = command_find(name);
    char *arguments[] = {name, (char *)"--help", NULL};
    if (command != NULL) {
        return command->run(2, arguments);
    }
    return is_one_of(name, "help", "version", "--help") ? help() : command_unknown(name);
}

/* A standard descriptor that is closed would become one of our sockets. Opened for the wrong
 * direction, reading from or writing to it still fails with "Bad file descriptor". */
static void occupy_standard_descriptors(void) {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0) {
            (void)open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

static int run(int count, char **arguments) {
    if (is_one_of(arguments[1], "help", "--help", "-h")) {
        if (count > 3) {
            return too_many("help", arguments[3]);
        }
        return count > 2 ? help_about(arguments[2]) : help();
    }
    if (is_one_of(arguments[1], "version", "--version", "-V")) {
        if (count > 2) {
            return is_one_of(arguments[2], "help", "--help", "-h")
                       ? help()
                       : too_many("version", arguments[2]);
        }
        (void)printf("sluice %s\n", sluice_version());
        return EXIT_DONE;
    }
    const struct command *command = command_find(arguments[1]);
    return command == NULL ? command_unknown(arguments[1]) : command->run(count - 1, arguments + 1);
}

int main(int count, char **arguments) {
    occupy_standard_descriptors();
    if (count < 2) {
        (void)fprintf(stderr, "usage: sluice demo|produce|broker|metadata|bench|version "
                              "[OPTION]... (see sluice --help)\n");
        return EXIT_USAGE;
    }
    int status = run(count, arguments);
    if (fflush(stdout) != 0) {
        perror("sluice: standard output");
        return status == EXIT_DONE ? EXIT_FAILED : status;
    }
    return status;
}
