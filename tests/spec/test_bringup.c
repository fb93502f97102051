// tests/spec/test_bringup.c -- a run is judged alike, whatever run came before it.
// Goal: what the referees take over from the last run's bring-up changes no verdict and no advice.
// Method: runs one after the other in one world against the same runs in a world of their own each;
// honest ones and hostile ones, which leave the common beginning at any event of it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/spec/valid.h"

#define SEEDS 60u

static void compare(const char *words, uint64_t seed, const struct vl_verdict *one,
                    const struct vl_verdict *fresh)
{
    const bool same = one->outcome == fresh->outcome && strcmp(one->kind, fresh->kind) == 0 &&
                      strcmp(one->side, fresh->side) == 0 &&
                      strcmp(one->detail, fresh->detail) == 0 && one->clause == fresh->clause &&
                      one->event == fresh->event && one->n_advice == fresh->n_advice;
    if (!same || one->hash != fresh->hash) {
        fail_msg("%s, seed %u: %s: %s; in a world of its own %s: %s", words, (unsigned)seed,
                 one->kind, one->detail, fresh->kind, fresh->detail);
    }
    for (uint32_t i = 0; i < one->n_advice; i++) {
        assert_int_equal(one->advice[i].clause, fresh->advice[i].clause);
        assert_string_equal(one->advice[i].detail, fresh->advice[i].detail);
    }
}

static void worlds_agree(void **state)
{
    static const char *const words[] = {
        "transport=pci buffers=3 resets=1",
        "transport=pci buffers=3 interrupt=intx device=blk ops=mix",
        "transport=pci buffers=3 hostile=device",
        "transport=pci buffers=3 hostile=device interrupt=intx device=blk",
        "transport=pci buffers=3 hostile=driver",
        "transport=pci buffers=3 memory=rc11",
        "transport=pci buffers=3 fault=clause:4.1.2.1-dev-1",
        "transport=pci buffers=3 fault=clause:4.1.5.1.2.1-dev-1",
        "transport=pci buffers=3 fault=clause:2.1.1-drv-2",
    };
    uint32_t n_findings = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct lab *one = valid_open(words[i]);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            const struct lab_choices choices = {
                .source = seed == 0 ? VL_SOURCE_INPUT : VL_SOURCE_SEED, .seed = seed};
            struct lab *own = valid_open(words[i]);
            const struct vl_verdict fresh = *lab_run(own, &choices);
            lab_close(own);
            compare(words[i], seed, lab_run(one, &choices), &fresh);
            n_findings += fresh.outcome == VL_FINDING ? 1 : 0;
        }
        lab_close(one);
    }
    assert_true(n_findings > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(worlds_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
