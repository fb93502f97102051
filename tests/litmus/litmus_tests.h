// tests/litmus/litmus_tests.h -- what the tests of litmus tests share.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LITMUS_TESTS_H
#define LITMUS_TESTS_H

#include "tools/lab/lab_litmus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline void litmus_parse(struct lab_litmus *test, const char *name, const char *program)
{
    char err[LAB_LITMUS_ERR];
    if (!lab_litmus_parse(test, name, program, err)) {
        fail_msg("%s: %s", name, err);
    }
}

// Run a test on an engine that takes it.
static inline void litmus_run(const struct lab_litmus *test, unsigned engine, unsigned model,
                              uint32_t rules, struct lab_litmus_result *result)
{
    char err[LAB_LITMUS_ERR];
    if (lab_litmus_run(test, (enum lab_litmus_engine)engine, (enum vl_model)model, rules, result,
                       err) != LAB_LITMUS_DONE) {
        fail_msg("%s, %s, %s: %s", test->name, vl_model_name(model), lab_litmus_engine_name(engine),
                 err);
    }
}

#endif
