// tools/lab/lab_litmus.c -- results of litmus tests: collecting, comparing, printing.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_litmus.h"

#include "tools/lab/lab_litmus_graph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lab_litmus_engine_name(unsigned engine)
{
    static const char *const names[LAB_LITMUS_ENGINES] = {"graph", "operational", "axioms"};
    return engine < LAB_LITMUS_ENGINES ? names[engine] : "?";
}

// ---- collecting --------------------------------------------------------------------------------

static int compare_states(const lab_litmus_state a, const lab_litmus_state b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

// Where a state stands in a sorted list, or would: the first one that is not less.
static uint32_t find_state(lab_litmus_state *const states, uint32_t n_states,
                           const lab_litmus_state state, uint32_t n)
{
    uint32_t from = 0;
    uint32_t to = n_states;
    while (from < to) { // bound: log2(n_states)
        const uint32_t mid = from + (to - from) / 2;
        if (compare_states(states[mid], state, n) < 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

// Put a state into a sorted list of distinct ones, that grows as it must. False: no memory.
static bool insert_state(lab_litmus_state **states, uint32_t *n_states, uint32_t *max_states,
                         const lab_litmus_state state, uint32_t n)
{
    const uint32_t at = find_state(*states, *n_states, state, n);
    if (at < *n_states && compare_states((*states)[at], state, n) == 0) {
        return true;
    }
    if (*n_states == *max_states) {
        const uint32_t max = *max_states == 0 ? 16 : 2 * *max_states;
        lab_litmus_state *grown = realloc(*states, max * sizeof(grown[0]));
        if (grown == NULL) {
            return false;
        }
        *states = grown;
        *max_states = max;
    }
    memmove(&(*states)[at + 1], &(*states)[at], (*n_states - at) * sizeof((*states)[0]));
    memcpy((*states)[at], state, sizeof(lab_litmus_state));
    (*n_states)++;
    return true;
}

bool lab_litmus_add(const struct lab_litmus *test, const struct lab_graph *g,
                    const struct lab_graph_thread *threads, struct lab_litmus_result *result)
{
    lab_litmus_state state;
    lab_graph_state(test, g, threads, state);
    result->n_execs++;
    return insert_state(&result->states, &result->n_states, &result->max_states, state,
                        test->n_items);
}

enum lab_litmus_outcome lab_litmus_run(const struct lab_litmus *test, enum lab_litmus_engine engine,
                                       enum vl_model model, uint32_t rules,
                                       struct lab_litmus_result *result, char err[LAB_LITMUS_ERR])
{
    memset(result, 0, sizeof(*result));
    err[0] = '\0';
    if (engine == LAB_LITMUS_GRAPH) {
        return lab_litmus_explore(test, model, rules, result, err);
    }
    return lab_litmus_enumerate(test, engine == LAB_LITMUS_AXIOMS, model, rules, result, err);
}

void lab_litmus_free(struct lab_litmus_result *result)
{
    free(result->states);
    memset(result, 0, sizeof(*result));
}

bool lab_litmus_same(const struct lab_litmus *test, const struct lab_litmus_result *a,
                     const struct lab_litmus_result *b)
{
    if (a->racy || b->racy) {
        return a->racy == b->racy;
    }
    if (a->n_execs != b->n_execs || a->n_states != b->n_states) {
        return false;
    }
    for (uint32_t i = 0; i < a->n_states; i++) {
        if (compare_states(a->states[i], b->states[i], test->n_items) != 0) {
            return false;
        }
    }
    return true;
}

// ---- text --------------------------------------------------------------------------------------

static void state_text(const struct lab_litmus *test, const uint8_t *items, uint32_t n,
                       const lab_litmus_state state, char text[LAB_LITMUS_STATE])
{
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int more =
            snprintf(text + at, LAB_LITMUS_STATE - at, "%c%s=%llu", i == 0 ? '{' : ';',
                     test->item[items == NULL ? i : items[i]].name, (unsigned long long)state[i]);
        at += more > 0 ? (size_t)more : 0;
        if (at >= LAB_LITMUS_STATE - 2) {
            break;
        }
    }
    at = at < LAB_LITMUS_STATE - 2 ? at : LAB_LITMUS_STATE - 2;
    (void)snprintf(text + at, LAB_LITMUS_STATE - at, "%s", n == 0 ? "{}" : "}");
}

void lab_litmus_state_text(const struct lab_litmus *test, const lab_litmus_state state,
                           char text[LAB_LITMUS_STATE])
{
    state_text(test, NULL, test->n_items, state, text);
}

// ---- expectations ------------------------------------------------------------------------------

static bool find_item(const struct lab_litmus *test, const char *name, size_t n, uint8_t *item)
{
    for (uint32_t i = 0; i < test->n_items; i++) {
        if (strlen(test->item[i].name) == n && memcmp(test->item[i].name, name, n) == 0) {
            *item = (uint8_t)i;
            return true;
        }
    }
    return false;
}

// Where an item stands among the expected ones; the first state brings them.
static bool find_expected(struct lab_litmus_expected *expected, uint8_t item, uint32_t *k)
{
    for (*k = 0; *k < expected->n_items; (*k)++) {
        if (expected->item[*k] == item) {
            return true;
        }
    }
    if (expected->n_states > 0 || expected->n_items == LAB_LITMUS_ITEMS) {
        return false;
    }
    expected->item[expected->n_items++] = item;
    return true;
}

// "name=value", up to one of ";}". Returns what follows, or NULL.
static const char *read_item(const struct lab_litmus *test, const char *text,
                             struct lab_litmus_expected *expected, lab_litmus_state state,
                             uint64_t *seen, char err[LAB_LITMUS_ERR])
{
    const size_t n = strcspn(text, "=;{}");
    uint8_t item = 0;
    uint32_t k = 0;
    char *end = NULL;

    if (text[n] != '=' || text[n + 1] < '0' || text[n + 1] > '9') {
        (void)snprintf(err, LAB_LITMUS_ERR, "no NAME=VALUE in the states at '%.40s'", text);
        return NULL;
    }
    if (!find_item(test, text, n, &item)) {
        (void)snprintf(err, LAB_LITMUS_ERR, "the states name '%.*s', which the program has not",
                       n > 40 ? 40 : (int)n, text);
        return NULL;
    }
    if (!find_expected(expected, item, &k) || (*seen >> k & 1u) != 0) {
        (void)snprintf(err, LAB_LITMUS_ERR, "not all states name %s once", test->item[item].name);
        return NULL;
    }
    errno = 0;
    state[k] = strtoull(text + n + 1, &end, 0);
    if (errno != 0 || (*end != ';' && *end != '}')) {
        (void)snprintf(err, LAB_LITMUS_ERR, "no value in the states at '%.40s'", text);
        return NULL;
    }
    *seen |= UINT64_C(1) << k;
    return end;
}

// "{a=1;b=2}". Returns what follows, or NULL.
static const char *read_state(const struct lab_litmus *test, const char *text,
                              struct lab_litmus_expected *expected, lab_litmus_state state,
                              char err[LAB_LITMUS_ERR])
{
    uint64_t seen = 0;

    memset(state, 0, sizeof(lab_litmus_state));
    if (*text != '{') {
        (void)snprintf(err, LAB_LITMUS_ERR, "no { in the states at '%.40s'", text);
        return NULL;
    }
    do { // bound: the text
        text = read_item(test, text + 1, expected, state, &seen, err);
    } while (text != NULL && *text == ';' && text[1] != '}');
    if (text == NULL) {
        return NULL;
    }
    for (uint32_t k = 0; k < expected->n_items; k++) {
        if ((seen >> k & 1u) == 0) {
            (void)snprintf(err, LAB_LITMUS_ERR, "not all states name %s",
                           test->item[expected->item[k]].name);
            return NULL;
        }
    }
    return text + (*text == ';' ? 2 : 1);
}

bool lab_litmus_expect(const struct lab_litmus *test, const char *text,
                       struct lab_litmus_expected *expected, char err[LAB_LITMUS_ERR])
{
    uint32_t max_states = 0;
    lab_litmus_state state;

    memset(expected, 0, sizeof(*expected));
    text += strspn(text, " ");
    while (*text != '\0') { // bound: the text
        text = read_state(test, text, expected, state, err);
        if (text == NULL) {
            return false;
        }
        if (!insert_state(&expected->states, &expected->n_states, &max_states, state,
                          expected->n_items)) {
            (void)snprintf(err, LAB_LITMUS_ERR, "no memory left");
            return false;
        }
        text += strspn(text, " ");
    }
    if (expected->n_states == 0) {
        (void)snprintf(err, LAB_LITMUS_ERR, "no states");
        return false;
    }
    return true;
}

void lab_litmus_expected_free(struct lab_litmus_expected *expected)
{
    free(expected->states);
    memset(expected, 0, sizeof(*expected));
}

static void project(const struct lab_litmus_expected *expected, const lab_litmus_state from,
                    lab_litmus_state to)
{
    memset(to, 0, sizeof(lab_litmus_state));
    for (uint32_t k = 0; k < expected->n_items; k++) {
        to[k] = from[expected->item[k]];
    }
}

bool lab_litmus_meets(const struct lab_litmus *test, const struct lab_litmus_result *result,
                      const struct lab_litmus_expected *expected, char text[LAB_LITMUS_STATE],
                      bool *extra)
{
    const uint32_t n = expected->n_items;
    lab_litmus_state state;

    for (uint32_t i = 0; i < result->n_states; i++) {
        project(expected, result->states[i], state);
        const uint32_t at = find_state(expected->states, expected->n_states, state, n);
        if (at == expected->n_states || compare_states(expected->states[at], state, n) != 0) {
            state_text(test, expected->item, n, state, text);
            *extra = true;
            return false;
        }
    }
    for (uint32_t e = 0; e < expected->n_states; e++) {
        bool found = false;
        for (uint32_t i = 0; i < result->n_states && !found; i++) {
            project(expected, result->states[i], state);
            found = compare_states(expected->states[e], state, n) == 0;
        }
        if (!found) {
            state_text(test, expected->item, n, expected->states[e], text);
            *extra = false;
            return false;
        }
    }
    return true;
}
