/*
 * bus_suite_tests.h - the lists of delivery tests; test_bus.c runs each on every bus.
 */
#pragma once

#include "bus_suite.h"

struct suite_test {
    const char *name; /* begins with the case that it proves, if there is one */
    void (*run)(struct place *place);
};
/* Each ends with a row of NULL. */
extern const struct suite_test bus_log_tests[], bus_group_tests[], bus_process_tests[];

/* What a child process does; its exit status. */
int suite_role(const struct place *place, const char *role, char **arguments);
