// tests/spec/test_promises.c -- the abstract queue in runs of the real halves.
// Goal: it finds without rings what breaks a queue's promises, in runs of the halves; and where
// nothing is broken it is silent, also as the first to speak. Method: breaches of clauses, and
// seeds over scenarios, with the abstract queue in front of the ring's own referees.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/spec/valid.h"

struct row {
    const char *words;
    const char *kind;
    const char *side;
};

static void breaches_are_found(void **state)
{
    static const struct row rows[] = {
        {"buffers=4 batch=2 fault=clause:2.7.13-drv-d4", "queue:offered-twice", "driver"},
        {"fault=clause:2.7.8-dev-d1", "queue:given-not-in-flight", "device"},
        {"device=blk fault=clause:2.7.8-dev-d2", "queue:longer-than-writable", "device"},
        {"fault=clause:2.7.8.3-drv-1", "queue:other-length", "driver"},
    };
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab *lab = valid_open_first(rows[i].words);
        const struct vl_verdict *v = lab_run(lab, &benign);
        if (v->outcome != VL_FINDING || strcmp(v->kind, rows[i].kind) != 0 ||
            strcmp(v->side, rows[i].side) != 0) {
            fail_msg("%s: %s by the %s instead of %s: %s", rows[i].words, v->kind, v->side,
                     rows[i].kind, v->detail);
        }
        lab_close(lab);
    }
}

static void kept_promises_are_silent(void **state)
{
    static const char *const words[] = {
        "transport=direct queue_size=4 buffers=20 batch=2 chain=3",
        "transport=direct queue_size=1 buffers=8 event_idx=off indirect=off",
        "transport=pci buffers=20 resets=2 batch=2",
        "transport=pci interrupt=intx start_idx=65533 buffers=20",
        "device=blk ops=mix buffers=20 batch=4",
        "transport=direct memory=rc11 buffers=10",
        "transport=direct memory=tso buffers=10",
        "transport=direct notify=counter buffers=10",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct lab *lab = valid_open_first(words[i]);
        for (uint64_t seed = 1; seed <= 100; seed++) {
            const struct lab_choices choices = {.source = VL_SOURCE_SEED, .seed = seed};
            const struct vl_verdict *v = lab_run(lab, &choices);
            if (v->outcome != VL_CLEAN) {
                fail_msg("%s, seed %u: %s: %s", words[i], (unsigned)seed, v->kind, v->detail);
            }
        }
        lab_close(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaches_are_found),
        cmocka_unit_test(kept_promises_are_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
