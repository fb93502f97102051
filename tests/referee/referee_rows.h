// tests/referee/referee_rows.h -- a table of scripts with the findings that they must raise, and
// the three tests of such a table. A file names its own with ROWS_OF().
// SPDX-License-Identifier: BSD-2-Clause
#ifndef REFEREE_ROWS_H
#define REFEREE_ROWS_H

#include "tests/referee/referee_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct row {
    const char *kind;
    const char *side;
    void (*steps)(struct script *s, bool broken);
    struct vl_referee_config config;
};

#define HONEST                                                                                     \
    {                                                                                              \
        .completion_owed = true                                                                    \
    }
#define HOSTILE_DRIVER                                                                             \
    {                                                                                              \
        .completion_owed = true, .hostile_driver = true                                            \
    }
#define HOSTILE_DEVICE                                                                             \
    {                                                                                              \
        .completion_owed = true, .hostile_device = true                                            \
    }

static int set_up(void **state)
{
    *state = script_open();
    return 0;
}

static int tear_down(void **state)
{
    script_close(*state);
    return 0;
}

// What the file's three tests go through.
struct row_table {
    const struct row *row;
    size_t n;
};

static const struct row_table row_table;

#define ROWS_OF(rows)                                                                              \
    static const struct row_table row_table = {(rows), sizeof(rows) / sizeof((rows)[0])}

// Goal: each finding is raised, by its name and against the right side, at the step that breaks the
// rule. Method: the broken script of each row.
static inline void broken_is_found(void **state)
{
    struct script *s = *state;
    const struct row *rows = row_table.row;

    for (size_t i = 0; i < row_table.n; i++) {
        const struct vl_verdict *v = script_run(s, &rows[i].config, rows[i].steps, true);
        if (v->outcome != VL_FINDING || strcmp(v->kind, rows[i].kind) != 0 ||
            strcmp(v->side, rows[i].side) != 0) {
            fail_msg("row %zu, %s/%s: got %s/%s: %s", i, rows[i].kind, rows[i].side, v->kind,
                     v->side, v->detail);
        }
        assert_true(v->detail[0] != '\0');
    }
}

// Goal: the rule-abiding neighbour of each row raises nothing. Method: the same script put right.
static inline void benign_is_not(void **state)
{
    struct script *s = *state;
    const struct row *rows = row_table.row;

    for (size_t i = 0; i < row_table.n; i++) {
        const struct vl_verdict *v = script_run(s, &rows[i].config, rows[i].steps, false);
        if (v->outcome != VL_CLEAN) {
            fail_msg("row %zu, %s: got %s/%s: %s", i, rows[i].kind, v->kind, v->side, v->detail);
        }
    }
}

// Goal: a hostile side is never judged. Method: each broken script, with the half that it blames
// hostile: whatever is found then, it is not against that half.
static inline void hostile_is_not_judged(void **state)
{
    struct script *s = *state;
    const struct row *rows = row_table.row;

    for (size_t i = 0; i < row_table.n; i++) {
        struct vl_referee_config config = rows[i].config;
        const bool driver = strcmp(rows[i].side, "driver") == 0;
        config.hostile_driver = driver;
        config.hostile_device = !driver;
        const struct vl_verdict *v = script_run(s, &config, rows[i].steps, true);
        if (v->outcome == VL_FINDING && strcmp(v->side, rows[i].side) == 0) {
            fail_msg("row %zu, %s: got %s/%s: %s", i, rows[i].kind, v->kind, v->side, v->detail);
        }
    }
}

#define ROW_TESTS                                                                                  \
    cmocka_unit_test_setup_teardown(broken_is_found, set_up, tear_down),                           \
        cmocka_unit_test_setup_teardown(benign_is_not, set_up, tear_down),                         \
        cmocka_unit_test_setup_teardown(hostile_is_not_judged, set_up, tear_down)

#endif
