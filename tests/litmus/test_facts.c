// tests/litmus/test_facts.c -- what other tools say about litmus tests, and our engines.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/litmus/litmus_tests.h"
#include "tools/lab/lab_litmus_table.h"

struct counts {
    uint32_t facts;
    uint32_t not_facts;
    uint32_t overruled; // races: the other tool's verdict
};

// Rows that are not facts: which, how many, and why. Nothing else is.
static struct exclusion {
    const char *name; // NULL: every test
    const char *model;
    const char *tool;
    enum lab_litmus_reason reason;
    uint32_t n;
    uint32_t seen;
} exclusions[] = {
    {NULL, "RA", "genmc:--ra", LAB_LITMUS_NOT_OTHER_MODEL, 111, 0},
    {NULL, "IMM", "genmc:--imm", LAB_LITMUS_NOT_OTHER_MODEL, 111, 0},
    {NULL, "AArch64", "herd:AArch64(LDAR)", LAB_LITMUS_NOT_OTHER_MODEL, 111, 0},
    {NULL, "AArch64-rcpc", "herd:AArch64(LDAPR)", LAB_LITMUS_NOT_OTHER_MODEL, 111, 0},
    {NULL, "x86-TSO", "genmc:--tso", LAB_LITMUS_NOT_GENMC_TSO, 111, 0},
    {"RMW+ADD+ADD", "x86-TSO", "herd:X86_64", LAB_LITMUS_NOT_NO_VERDICT, 1, 0},
    {"RMW+ADD+W", "x86-TSO", "herd:X86_64", LAB_LITMUS_NOT_NO_VERDICT, 1, 0},
    {"SB+commonadd.ar", "x86-TSO", "herd:X86_64", LAB_LITMUS_NOT_NO_VERDICT, 1, 0},
    {"Z6.U", "x86-TSO", "herd:X86_64", LAB_LITMUS_NOT_NO_VERDICT, 1, 0},
    {"MP+pos-rlx2+acq", "RC11", "herd:rc11.cat", LAB_LITMUS_NOT_RELEASE_SEQUENCE, 1, 0},
    {"RING.recycle2+rel+rlx", "RC11", "herd:rc11.cat", LAB_LITMUS_NOT_RELEASE_SEQUENCE, 1, 0},
    {"Z6.U", "RC11", "herd:rc11.cat", LAB_LITMUS_NOT_SC_ACCESSES, 1, 0},
    {"Z6.U", "RC11", "genmc:--rc11", LAB_LITMUS_NOT_SC_ACCESSES, 1, 0},
    {"Z6.U+rw", "RC11", "herd:rc11.cat", LAB_LITMUS_NOT_SC_ACCESSES, 1, 0},
    {"Z6.U+rw", "RC11", "genmc:--rc11", LAB_LITMUS_NOT_SC_ACCESSES, 1, 0},
};

static struct exclusion *find_exclusion(const struct lab_litmus_row *row)
{
    for (size_t i = 0; i < sizeof(exclusions) / sizeof(exclusions[0]); i++) {
        struct exclusion *e = &exclusions[i];
        if ((e->name == NULL || strcmp(e->name, row->name) == 0) &&
            strcmp(e->model, row->model) == 0 && strcmp(e->tool, row->tool) == 0) {
            return e;
        }
    }
    return NULL;
}

static void hold_against(const struct lab_litmus *test, const struct lab_litmus_row *row,
                         unsigned engine)
{
    struct lab_litmus_result result;
    struct lab_litmus_expected expected;
    char err[LAB_LITMUS_ERR];
    char text[LAB_LITMUS_STATE] = "";
    bool extra = false;

    litmus_run(test, engine, row->is, VL_RULES_ALL, &result);
    const bool racy = row->race == LAB_LITMUS_RACY;
    if (result.n_refused != 0 || result.racy != racy ||
        (row->n_execs != LAB_LITMUS_ANY && row->n_execs != result.n_execs)) {
        fail_msg("%s %s %s: %s, %u executions, %u of them refused; expected: %s, %d", row->name,
                 row->model, lab_litmus_engine_name(engine), result.racy ? "racy" : "race-free",
                 (unsigned)result.n_execs, (unsigned)result.n_refused, racy ? "racy" : "race-free",
                 (int)row->n_execs);
    }
    if (row->states != NULL) {
        assert_true(lab_litmus_expect(test, row->states, &expected, err));
        if (!lab_litmus_meets(test, &result, &expected, text, &extra)) {
            fail_msg("%s %s %s: %s %s", row->name, row->model, lab_litmus_engine_name(engine),
                     extra ? "not expected:" : "not got:", text);
        }
        lab_litmus_expected_free(&expected);
    }
    lab_litmus_free(&result);
}

static bool on_row(void *ctx, const struct lab_litmus_row *row)
{
    struct counts *counts = ctx;
    struct lab_litmus test;

    counts->overruled += row->note[0] != '\0' ? 1 : 0;
    struct exclusion *e = find_exclusion(row);
    if (e != NULL && row->race == LAB_LITMUS_RACE_UNKNOWN) {
        assert_int_equal(row->reason, e->reason);
        e->seen++;
        counts->not_facts++;
        return true;
    }
    assert_int_equal(row->reason, LAB_LITMUS_FACT);
    counts->facts++;
    litmus_parse(&test, row->name, row->program);
    for (unsigned engine = 0; engine < LAB_LITMUS_ENGINES; engine++) {
        hold_against(&test, row, engine);
    }
    return true;
}

static void read_all(const char *file, struct counts *counts)
{
    char path[4096];
    char err[2 * LAB_LITMUS_ERR] = "";
    const char *root = getenv("SRC");

    memset(counts, 0, sizeof(*counts));
    assert_non_null(root);
    (void)snprintf(path, sizeof(path), "%s/tests/litmus/%s", root, file);
    if (lab_litmus_read(path, on_row, counts, err) != LAB_LITMUS_READ) {
        fail_msg("%s", err);
    }
}

// Goal: every row that is a fact holds on all three engines, in states and in executions, and the
// rows that are none are those of the list above. Method: the tables of herd7 and GenMC.
static void facts_of_litmus(void **state)
{
    struct counts counts;
    (void)state;
    read_all("litmus.tsv", &counts);
    assert_int_equal(counts.facts, 545);
    assert_int_equal(counts.not_facts, 565);
    for (size_t i = 0; i < sizeof(exclusions) / sizeof(exclusions[0]); i++) {
        assert_int_equal(exclusions[i].seen, exclusions[i].n);
    }
}

// Goal: races are found, and not invented.
static void facts_of_races(void **state)
{
    struct counts counts;
    (void)state;
    read_all("litmus_races.tsv", &counts);
    assert_int_equal(counts.facts, 13);
    assert_int_equal(counts.overruled, 1);
}

// Goal: accesses of mixed width come to what herd7 says.
static void facts_of_mixed(void **state)
{
    struct counts counts;
    (void)state;
    read_all("mixed.tsv", &counts);
    assert_int_equal(counts.facts, 9);
}

// Goal: our own tests hold, whose answers follow from the rule that each is about.
static void own_tests(void **state)
{
    static const char *const files[] = {
        "CoWW.litmus",          "CoWR.litmus",
        "CoRW.litmus",          "SB+cas.fails.litmus",
        "SB+W.sc-W.rlx.litmus", "MIX-2x32-store.litmus",
        "NA.both.litmus",       "MIX-MP-32-store-2x16-load.litmus",
        "NA.both-rlx.litmus",
    };
    struct counts counts;
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        read_all(files[i], &counts);
        assert_true(counts.facts > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_litmus),
        cmocka_unit_test(facts_of_races),
        cmocka_unit_test(facts_of_mixed),
        cmocka_unit_test(own_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
