// tests/litmus/test_generated.c -- three engines on programs that nobody has thought of.
// Programs are made from their number alone, so that a failure names the program.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/litmus/litmus_tests.h"

#define PROGRAM_MAX 1024u

struct maker {
    uint64_t state;
    bool wide;
    bool seq_cst; // accesses
    size_t n;
    char text[PROGRAM_MAX];
};

static unsigned pick(struct maker *m, unsigned n)
{
    m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->state >> 33) % n;
}

static void put(struct maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct maker *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int more = vsnprintf(m->text + m->n, PROGRAM_MAX - m->n, format, args);
    va_end(args);
    assert_true(more >= 0 && (size_t)more < PROGRAM_MAX - m->n);
    m->n += (size_t)more;
}

static void make_rmw(struct maker *m, const char *loc, unsigned reg)
{
    static const char *const orders[] = {"rlx", "acq", "rel", "ar", "sc"};
    const char *order = orders[pick(m, m->seq_cst ? 5 : 4)];
    switch (pick(m, 3)) {
    case 0: put(m, "XCHG %s %u r%u %s", loc, 1 + pick(m, 3), reg, order); break;
    case 1: put(m, "ADD %s 1 r%u %s", loc, reg, order); break;
    default: put(m, "CAS %s %u %u r%u %s", loc, pick(m, 2), 1 + pick(m, 3), reg, order); break;
    }
}

// Add a statement. Returns how many registers it sets.
static unsigned make_statement(struct maker *m, unsigned n_regs)
{
    static const char *const narrow[] = {"x", "y", "z"};
    static const char *const wide[] = {"x.lo16", "x.hi16", "x.lo32", "y"};
    static const char *const stores[] = {"rlx", "rlx", "rel", "sc"};
    static const char *const loads[] = {"rlx", "rlx", "acq", "sc"};
    static const char *const fences[] = {"acq", "rel", "ar", "sc", "sc", "sc"};
    const unsigned orders = m->seq_cst ? 4 : 3;
    const char *loc = m->wide ? wide[pick(m, 4)] : narrow[pick(m, 3)];
    const bool word = strcmp(loc, "x.lo32") == 0;

    if (n_regs > 0 && pick(m, 5) == 0) {
        put(m, "?r%u=%u ", pick(m, n_regs), pick(m, 3));
    }
    switch (pick(m, 10)) {
    case 0:
    case 1:
    case 2:
        if (n_regs > 0 && pick(m, 4) == 0) {
            put(m, "W %s r%u %s", loc, pick(m, n_regs), stores[pick(m, orders)]);
        } else {
            put(m, "W %s %u %s", loc, (word ? 0x10001 : 1) * (1 + pick(m, 2)),
                stores[pick(m, orders)]);
        }
        return 0;
    case 3:
    case 4:
    case 5:
    case 6: put(m, "R %s r%u %s", loc, n_regs, loads[pick(m, orders)]); return 1;
    case 7: put(m, "F %s", fences[pick(m, 6)]); return 0;
    default: make_rmw(m, word ? "y" : loc, n_regs); return 1;
    }
}

static void make(struct maker *m, uint32_t number, bool wide, bool seq_cst)
{
    *m = (struct maker){.state = number * UINT64_C(7919) + 13, .wide = wide, .seq_cst = seq_cst};
    (void)pick(m, 2);
    (void)pick(m, 2);
    const unsigned n_threads = 2 + pick(m, 2);
    for (unsigned t = 0; t < n_threads; t++) {
        const unsigned n = 1 + pick(m, n_threads == 2 ? 4 : 3);
        unsigned n_regs = 0;
        put(m, "%s", t > 0 ? " || " : "");
        for (unsigned i = 0; i < n; i++) {
            put(m, "%s", i > 0 ? "; " : "");
            n_regs += make_statement(m, n_regs);
        }
    }
}

static void compare_engines(const struct lab_litmus *test, const char *program, unsigned model)
{
    struct lab_litmus_result by_axioms;
    struct lab_litmus_result result;

    litmus_run(test, LAB_LITMUS_AXIOMS, model, VL_RULES_ALL, &by_axioms);
    for (unsigned engine = 0; engine < LAB_LITMUS_AXIOMS; engine++) {
        litmus_run(test, engine, model, VL_RULES_ALL, &result);
        if (!lab_litmus_same(test, &result, &by_axioms) || result.n_refused != 0) {
            fail_msg("%s, %s: %u executions in %u states, %u refused, by axioms %u in %u: %s",
                     lab_litmus_engine_name(engine), vl_model_name(model), (unsigned)result.n_execs,
                     (unsigned)result.n_states, (unsigned)result.n_refused,
                     (unsigned)by_axioms.n_execs, (unsigned)by_axioms.n_states, program);
        }
        lab_litmus_free(&result);
    }
    lab_litmus_free(&by_axioms);
}

static void compare_programs(uint32_t n, bool wide, bool seq_cst)
{
    static struct lab_litmus test;
    static struct maker m;
    for (uint32_t i = 0; i < n; i++) {
        make(&m, i, wide, seq_cst);
        litmus_parse(&test, "generated", m.text);
        for (unsigned model = 0; model < VL_MODEL_COUNT; model++) {
            compare_engines(&test, m.text, model);
        }
    }
}

// Goal: the engines agree in states and executions, and the axioms refuse none of these.
// Method: programs of two or three threads, in each model.
static void fences(void **state)
{
    (void)state;
    compare_programs(400, false, false);
}

static void seq_cst_accesses(void **state)
{
    (void)state;
    compare_programs(1500, false, true);
}

static void mixed_width(void **state)
{
    (void)state;
    compare_programs(150, true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fences),
        cmocka_unit_test(seq_cst_accesses),
        cmocka_unit_test(mixed_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
