/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sluice/sluice.h>

#include "actors/config/config.h"
#include "test.h"

static sluice_error error;

static sluice_code first(const char *list, struct sluice_server *server) {
    return sluice_servers_next(&list, server, &error);
}

Test(servers, a_list_is_read_one_by_one) {
    const char *list = " a.example.org:9092 ,,[::1]:9093,PLAINTEXT://b-1_x:1,10.0.0.1:65535,";
    static const struct sluice_server expected[] = {
        {"a.example.org", 9092}, {"::1", 9093}, {"b-1_x", 1}, {"10.0.0.1", 65535}};
    cr_expect_eq(sluice_servers_count(list), 4u);
    for (size_t i = 0; i < 4; i++) {
        struct sluice_server server;
        cr_assert_eq(sluice_servers_next(&list, &server, &error), SLUICE_OK, "%s", error.text);
        cr_expect_str_eq(server.host, expected[i].host);
        cr_expect_eq(server.port, expected[i].port);
    }
    struct sluice_server none;
    cr_expect_eq(sluice_servers_next(&list, &none, &error), SLUICE_MISSING_OPTION);
    cr_expect_eq(sluice_servers_next(&list, &none, &error), SLUICE_MISSING_OPTION);
}

Test(servers, an_address_may_name_its_interface) {
    struct sluice_server server;
    cr_assert_eq(first("[fe80::1%eth0]:9092", &server), SLUICE_OK, "%s", error.text);
    cr_assert_str_eq(server.host, "fe80::1%eth0");
}

Test(servers, a_scheme_of_any_length_is_refused_in_one_line) {
    char list[200];
    memset(list, 's', sizeof list);
    memcpy(list + 150, "://h:1", 7);
    struct sluice_server server;
    cr_assert_eq(first(list, &server), SLUICE_OPTION_NOT_BUILT);
    cr_assert_not_null(strstr(error.text, "PLAINTEXT:// is"), "%s", error.text);
}

Test(servers, what_is_no_host_and_port_is_refused) {
    static const char *const wrong[] = {
        "localhost",    "localhost:",      ":9092",         "localhost:0",   "localhost:65536",
        "localhost:-1", "localhost:9092x", "a b:1",         "::1:9092",      "[::1]",
        "[::1]9092",    "[::1:9092",       "[]:9092",       "[localhost]:1", "a/b:1",
        "h:1:2",        "http//x:1",       "h{:1",          "h~:1",          "PLAINTEXT://",
        "fe80::1%lo:1", "h:000000001",     "caf\xc3\xa9:1", "h\n:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sluice_server server;
        cr_expect_eq(first(wrong[i], &server), SLUICE_INVALID_VALUE, "\"%s\"", wrong[i]);
        cr_expect(strstr(error.text, "bootstrap.servers") == error.text, "%s", error.text);
        cr_expect(strstr(error.text, "allowed: host:port") != NULL, "%s", error.text);
        cr_expect(strchr(error.text, '\n') == NULL);
    }
}

Test(servers, encrypted_schemes_are_refused_by_name) {
    struct sluice_server server;
    cr_expect_eq(first("SSL://h:1", &server), SLUICE_OPTION_NOT_BUILT);
    cr_expect(strstr(error.text, "SSL://") != NULL, "%s", error.text);
    cr_expect_eq(first("plaintext://h:1", &server), SLUICE_OK);
    cr_expect_str_eq(server.host, "h");
}

Test(servers, a_host_name_has_a_limit) {
    char text[400];
    struct sluice_server server;
    memset(text, 'h', sizeof text);
    memcpy(text + SLUICE_HOST_BYTES_MAX, ":1", 3);
    cr_expect_eq(first(text, &server), SLUICE_OK);
    cr_expect_eq(strlen(server.host), (size_t)SLUICE_HOST_BYTES_MAX);
    memset(text, 'h', SLUICE_HOST_BYTES_MAX + 1);
    memcpy(text + SLUICE_HOST_BYTES_MAX + 1, ":1", 3);
    cr_expect_eq(first(text, &server), SLUICE_INVALID_VALUE);
}

Test(servers, a_wrong_list_is_refused_when_it_is_set_and_changes_nothing) {
    sluice_config *config = sluice_config_new();
    cr_assert_eq(sluice_config_set(config, "bootstrap.servers", "a:1", &error), SLUICE_OK);
    cr_expect_eq(sluice_config_set(config, "bootstrap.servers", "b:2,c", &error),
                 SLUICE_INVALID_VALUE);
    cr_expect_str_eq(config->bootstrap_servers, "a:1");
    sluice_config_free(config);
}
