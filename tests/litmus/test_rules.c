// tests/litmus/test_rules.c -- each rule of each memory model, left out: a litmus test sees it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/litmus/litmus_tests.h"

// What cannot happen with the rule, and does without it. Tests with a name from litmus.tsv are the
// ones there.
static const struct row {
    enum vl_rule_at rule;
    enum vl_model model;
    const char *name;
    const char *program;
    const char *outcome;
} rows[] = {
    {VL_RULE_AT_COHERENCE_WW, VL_MODEL_RC11, "CoWW", "W x 1 rlx; W x 2 rlx", "{x=1}"},
    {VL_RULE_AT_COHERENCE_WW, VL_MODEL_RC11, "S+rel+acq",
     "W x 2 rlx; W y 1 rel || R y r0 acq; W x 1 rlx", "{1:r0=1;x=2}"},
    {VL_RULE_AT_COHERENCE_WR, VL_MODEL_RC11, "CoWR", "W x 1 rlx; R x r0 rlx || W x 2 rlx",
     "{0:r0=0}"},
    {VL_RULE_AT_COHERENCE_WR, VL_MODEL_RC11, "MP+rel+acq",
     "W x 1 rlx; W y 1 rel || R y r0 acq; R x r1 rlx", "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_COHERENCE_RW, VL_MODEL_RC11, "CoRW", "R x r0 rlx; W x 1 rlx || W x 2 rlx",
     "{0:r0=2;x=2}"},
    {VL_RULE_AT_COHERENCE_RR, VL_MODEL_RC11, "CoRR", "W x 1 rlx || R x r0 rlx; R x r1 rlx",
     "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_ATOMICITY, VL_MODEL_SC, "RMW+XCHG+XCHG", "XCHG x 1 r0 rlx || XCHG x 2 r0 rlx",
     "{0:r0=0;1:r0=0}"},
    {VL_RULE_AT_ATOMICITY, VL_MODEL_TSO, "RMW+XCHG+XCHG", "XCHG x 1 r0 rlx || XCHG x 2 r0 rlx",
     "{0:r0=0;1:r0=0}"},
    {VL_RULE_AT_ATOMICITY, VL_MODEL_RC11, "RMW+XCHG+XCHG", "XCHG x 1 r0 rlx || XCHG x 2 r0 rlx",
     "{0:r0=0;1:r0=0}"},
    {VL_RULE_AT_RELEASE, VL_MODEL_RC11, "MP+rel+acq",
     "W x 1 rlx; W y 1 rel || R y r0 acq; R x r1 rlx", "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_ACQUIRE, VL_MODEL_RC11, "MP+rel+acq",
     "W x 1 rlx; W y 1 rel || R y r0 acq; R x r1 rlx", "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_FENCE_RELEASE, VL_MODEL_RC11, "MP+F.rel+acq",
     "W x 1 rlx; F rel; W y 1 rlx || R y r0 acq; R x r1 rlx", "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_FENCE_ACQUIRE, VL_MODEL_RC11, "MP+rel+F.acq",
     "W x 1 rlx; W y 1 rel || R y r0 rlx; F acq; R x r1 rlx", "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_RELEASE_SEQUENCE, VL_MODEL_RC11, "RS+cas.rlx",
     "W x 1 rlx; W y 1 rel || CAS y 1 2 r0 rlx || R y r0 acq; R x r1 rlx", "{2:r0=2;2:r1=0}"},
    {VL_RULE_AT_PSC_FENCE, VL_MODEL_RC11, "SB+F.sc+F.sc",
     "W x 1 rlx; F sc; R y r0 rlx || W y 1 rlx; F sc; R x r0 rlx", "{0:r0=0;1:r0=0}"},
    {VL_RULE_AT_PSC_FENCE, VL_MODEL_RC11, "IRIW+F.sc",
     "W x 1 rlx || R x r0 rlx; F sc; R y r1 rlx || W y 1 rlx || R y r0 rlx; F sc; R x r1 rlx",
     "{1:r0=1;1:r1=0;3:r0=1;3:r1=0}"},
    {VL_RULE_AT_PSC_ACCESS, VL_MODEL_RC11, "IRIW+sc",
     "W x 1 sc || R x r0 sc; R y r1 sc || W y 1 sc || R y r0 sc; R x r1 sc",
     "{1:r0=1;1:r1=0;3:r0=1;3:r1=0}"},
    {VL_RULE_AT_TSO_FORWARD, VL_MODEL_TSO, "SB+fwd",
     "W x 1 rlx; R x r1 rlx; R y r0 rlx || W y 1 rlx; R y r1 rlx; R x r0 rlx", "{0:r1=0}"},
    {VL_RULE_AT_TSO_FIFO, VL_MODEL_TSO, "MP+rlx", "W x 1 rlx; W y 1 rlx || R y r0 rlx; R x r1 rlx",
     "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_TSO_LOADS, VL_MODEL_TSO, "MP+rlx", "W x 1 rlx; W y 1 rlx || R y r0 rlx; R x r1 rlx",
     "{1:r0=1;1:r1=0}"},
    {VL_RULE_AT_TSO_FENCE, VL_MODEL_TSO, "SB+F.sc+F.sc",
     "W x 1 rlx; F sc; R y r0 rlx || W y 1 rlx; F sc; R x r0 rlx", "{0:r0=0;1:r0=0}"},
    {VL_RULE_AT_TSO_LOCKED, VL_MODEL_TSO, "SB+W.sc-R.rlx",
     "W x 1 sc; R y r0 rlx || W y 1 sc; R x r0 rlx", "{0:r0=0;1:r0=0}"},
    {VL_RULE_AT_TSO_LOCKED, VL_MODEL_TSO, "SB+cas.fails",
     "W x 1 rlx; CAS z 1 2 r0 rlx; R y r1 rlx || W y 1 rlx; CAS z 1 2 r0 rlx; R x r1 rlx",
     "{0:r1=0;1:r1=0}"},
    {VL_RULE_AT_SC_ORDER, VL_MODEL_SC, "SB+rlx", "W x 1 rlx; R y r0 rlx || W y 1 rlx; R x r0 rlx",
     "{0:r0=0;1:r0=0}"},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

// Accesses act where they stand in the operational models: these are no rules that could be asked.
static bool is_structural(const struct row *r, unsigned engine)
{
    return engine == LAB_LITMUS_OPERATIONAL &&
           (r->rule == VL_RULE_AT_TSO_LOADS || r->rule == VL_RULE_AT_SC_ORDER);
}

static bool has_outcome(const struct lab_litmus *test, const struct lab_litmus_result *result,
                        const char *outcome)
{
    struct lab_litmus_expected one;
    char err[LAB_LITMUS_ERR];
    bool found = false;

    assert_true(lab_litmus_expect(test, outcome, &one, err));
    for (uint32_t i = 0; i < result->n_states && !found; i++) {
        found = true;
        for (uint32_t k = 0; k < one.n_items; k++) {
            found = found && result->states[i][one.item[k]] == one.states[0][k];
        }
    }
    lab_litmus_expected_free(&one);
    return found;
}

static void try_row(const struct row *r, unsigned engine)
{
    const uint32_t rules = VL_RULES_ALL & ~(1u << r->rule);
    struct lab_litmus_result with;
    struct lab_litmus_result without;
    struct lab_litmus test;
    char err[LAB_LITMUS_ERR];

    litmus_parse(&test, r->name, r->program);
    if (is_structural(r, engine)) {
        assert_int_equal(
            lab_litmus_run(&test, (enum lab_litmus_engine)engine, r->model, rules, &without, err),
            LAB_LITMUS_UNSUPPORTED);
        lab_litmus_free(&without);
        return;
    }
    litmus_run(&test, engine, r->model, VL_RULES_ALL, &with);
    litmus_run(&test, engine, r->model, rules, &without);
    if (has_outcome(&test, &with, r->outcome) || !has_outcome(&test, &without, r->outcome)) {
        fail_msg("%s, %s, engine %s: %s is there %s %s", r->name, vl_model_name(r->model),
                 lab_litmus_engine_name(engine), r->outcome,
                 has_outcome(&test, &with, r->outcome) ? "with" : "not without",
                 vl_rule_name(r->rule));
    }
    lab_litmus_free(&with);
    lab_litmus_free(&without);
}

// Goal: every rule matters, in every engine that asks for it. Method: leave it out.
static void each_rule_forbids(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        for (unsigned engine = 0; engine < LAB_LITMUS_ENGINES; engine++) {
            try_row(&rows[i], engine);
        }
    }
}

// Goal: no rule has been forgotten above. Method: the models' own list.
static void each_rule_has_a_row(void **state)
{
    (void)state;
    for (unsigned rule = 0; rule < VL_RULE_COUNT; rule++) {
        uint32_t models = 0;
        for (size_t i = 0; i < N_ROWS; i++) {
            models |= rows[i].rule == rule ? 1u << rows[i].model : 0;
        }
        assert_int_equal(models, vl_rule_models(rule));
    }
}

// Goal: three threads with seq-cst fences are not ordered as if by a common view: that would hide
// an outcome of rc11. Method: the test that tells them apart.
static void fences_have_no_global_view(void **state)
{
    struct lab_litmus test;
    struct lab_litmus_result result;

    (void)state;
    litmus_parse(&test, "ISA2+F.sc+rlx+F.sc",
                 "W y 1 rlx; F sc; W x 1 rlx || R x r0 rlx; W z 1 rlx || R z r0 rlx; F sc; "
                 "R y r1 rlx");
    for (unsigned engine = 0; engine < LAB_LITMUS_ENGINES; engine++) {
        litmus_run(&test, engine, VL_MODEL_RC11, VL_RULES_ALL, &result);
        assert_true(has_outcome(&test, &result, "{1:r0=1;2:r0=1;2:r1=0}"));
        lab_litmus_free(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_forbids),
        cmocka_unit_test(each_rule_has_a_row),
        cmocka_unit_test(fences_have_no_global_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
