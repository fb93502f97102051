// tools/lab/lab_litmus_text.c -- reading litmus tests. The grammar is in docs/LITMUS.md.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_litmus.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8u // of a statement

struct reader {
    struct lab_litmus *test;
    char *err;
    uint32_t thread;
    uint32_t stmt;
    char *word[WORDS_MAX];
    uint32_t n_words;
};

struct word_value {
    const char *word;
    uint8_t value;
};

static const struct word_value orders[] = {
    {"na", VIRTQ_PLAIN},    {"rlx", VIRTQ_RELAXED}, {"acq", VIRTQ_ACQUIRE},
    {"rel", VIRTQ_RELEASE}, {"ar", VIRTQ_ACQ_REL},  {"sc", VIRTQ_SEQ_CST},
};

// Operations: how many words there are, and which orders they take (bit per enum virtq_order).
#define ORDERS_(na, acq, rel, ar)                                                                  \
    (1u << VIRTQ_SEQ_CST | (na) << VIRTQ_PLAIN | (acq) << VIRTQ_ACQUIRE | (rel) << VIRTQ_RELEASE | \
     (ar) << VIRTQ_ACQ_REL)
#define RELAXED_ (1u << VIRTQ_RELAXED)
static const struct {
    const char *word;
    uint8_t op;
    uint8_t n_words;
    uint8_t orders;
    const char *form;
} ops[] = {
    {"W", LAB_LITMUS_STORE, 4, ORDERS_(1u, 0u, 1u, 0u) | RELAXED_,
     "W LOCATION VALUE na|rlx|rel|sc"},
    {"R", LAB_LITMUS_LOAD, 4, ORDERS_(1u, 1u, 0u, 0u) | RELAXED_,
     "R LOCATION REGISTER na|rlx|acq|sc"},
    {"F", LAB_LITMUS_FENCE, 2, ORDERS_(0u, 1u, 1u, 1u), "F acq|rel|ar|sc"},
    {"XCHG", LAB_LITMUS_XCHG, 5, ORDERS_(0u, 1u, 1u, 1u) | RELAXED_,
     "XCHG LOCATION VALUE REGISTER rlx|acq|rel|ar|sc"},
    {"ADD", LAB_LITMUS_ADD, 5, ORDERS_(0u, 1u, 1u, 1u) | RELAXED_,
     "ADD LOCATION VALUE REGISTER rlx|acq|rel|ar|sc"},
    {"CAS", LAB_LITMUS_CAS, 6, ORDERS_(0u, 1u, 1u, 1u) | RELAXED_,
     "CAS LOCATION EXPECTED VALUE REGISTER rlx|acq|rel|ar|sc"},
};

// Suffixes of locations: the cells that they name.
static const struct {
    const char *word;
    uint8_t first;
    uint8_t n_cells;
} widths[] = {
    {"lo16", 0, 1}, {"hi16", 1, 1}, {"lo32", 0, 2}, {"hi32", 2, 2}, {"lo64", 0, 4}, {"hi64", 4, 4},
};

static bool complain(struct reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool complain(struct reader *r, const char *format, ...)
{
    char what[LAB_LITMUS_ERR];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    (void)snprintf(r->err, LAB_LITMUS_ERR, "thread %u, statement %u: %.200s", (unsigned)r->thread,
                   (unsigned)r->stmt + 1, what);
    return false;
}

// ---- words -------------------------------------------------------------------------------------

static bool is_register(const char *word)
{
    return word[0] == 'r' && word[1] != '\0' && strspn(word + 1, "0123456789") == strlen(word + 1);
}

static bool is_name(const char *word)
{
    if (!isalpha((unsigned char)word[0]) && word[0] != '_') {
        return false;
    }
    size_t n = 0;
    while (isalnum((unsigned char)word[n]) || word[n] == '_') { // bound: the word
        n++;
    }
    return word[n] == '\0' && n < LAB_LITMUS_WORD && !is_register(word);
}

static bool read_number(const char *word, uint64_t *value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)word[0])) {
        return false;
    }
    errno = 0;
    *value = strtoull(word, &end, 0);
    return errno == 0 && *end == '\0';
}

// The number of a register of the thread; a new one if it is set here.
static bool find_register(struct reader *r, const char *word, bool sets, uint8_t *reg)
{
    struct lab_litmus_thread *t = &r->test->thread[r->thread];
    if (!is_register(word) || strlen(word) >= LAB_LITMUS_WORD) {
        return complain(r, "'%.40s' is no register; they are r0, r1, ...", word);
    }
    for (uint32_t i = 0; i < t->n_regs; i++) {
        if (strcmp(t->reg[i], word) == 0) {
            *reg = (uint8_t)i;
            return true;
        }
    }
    if (!sets) {
        return complain(r, "%s is used, but nothing before loads it", word);
    }
    if (t->n_regs == LAB_LITMUS_REGS) {
        return complain(r, "more than %u registers in a thread", LAB_LITMUS_REGS);
    }
    memcpy(t->reg[t->n_regs], word, strlen(word) + 1);
    *reg = (uint8_t)t->n_regs++;
    return true;
}

static bool find_operand(struct reader *r, const char *word, unsigned n_cells,
                         struct lab_litmus_operand *operand)
{
    operand->reg = LAB_LITMUS_NO_REG;
    operand->value = 0;
    if (is_register(word)) {
        return find_register(r, word, false, &operand->reg);
    }
    if (!read_number(word, &operand->value)) {
        return complain(r, "'%.40s' is no value: a number or a register", word);
    }
    if (n_cells < 4 && operand->value >> (16 * n_cells) != 0) {
        return complain(r, "%.40s does not fit into %u bits", word, 16 * n_cells);
    }
    return true;
}

static bool find_width(struct reader *r, const char *suffix, unsigned *first, unsigned *n_cells)
{
    *first = 0;
    *n_cells = 1;
    if (suffix == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        if (strcmp(widths[i].word, suffix) == 0) {
            *first = widths[i].first;
            *n_cells = widths[i].n_cells;
            return true;
        }
    }
    return complain(r, "'.%.20s' is no width; they are lo16 hi16 lo32 hi32 lo64 hi64", suffix);
}

// Cells are counted within the location for now; place_cells() counts them over all locations.
static bool find_location(struct reader *r, char *word, struct lab_litmus_stmt *s)
{
    struct lab_litmus *test = r->test;
    unsigned first = 0;
    unsigned n_cells = 0;
    uint32_t i = 0;
    char *suffix = strchr(word, '.');

    if (suffix != NULL) {
        *suffix++ = '\0';
    }
    if (!is_name(word)) {
        return complain(r,
                        "'%.40s' is no location: a name of up to %u letters, digits and _, and "
                        "not a register's",
                        word, LAB_LITMUS_WORD - 1);
    }
    if (!find_width(r, suffix, &first, &n_cells)) {
        return false;
    }
    while (i < test->n_locs && strcmp(test->loc[i].name, word) != 0) { // bound: n_locs
        i++;
    }
    if (i == LAB_LITMUS_LOCS) {
        return complain(r, "more than %u locations", LAB_LITMUS_LOCS);
    }
    struct lab_litmus_loc *loc = &test->loc[i];
    if (i == test->n_locs) {
        memcpy(loc->name, word, strlen(word) + 1);
        test->n_locs++;
    }
    if (first + n_cells > loc->n_cells) {
        loc->n_cells = (uint8_t)(first + n_cells);
    }
    s->loc = (uint8_t)i;
    s->cell = (uint8_t)first;
    s->n_cells = (uint8_t)n_cells;
    return true;
}

static bool find_order(struct reader *r, size_t op, const char *word, uint8_t *order)
{
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (strcmp(orders[i].word, word) == 0 && (ops[op].orders >> orders[i].value & 1u) != 0) {
            *order = orders[i].value;
            return true;
        }
    }
    return complain(r, "'%.40s' is no order here; the form is %s", word, ops[op].form);
}

// ---- statements --------------------------------------------------------------------------------

static bool read_words(struct reader *r, size_t op, struct lab_litmus_stmt *s)
{
    char **word = r->word;
    uint32_t i = 1;

    if (s->op != LAB_LITMUS_FENCE && !find_location(r, word[i++], s)) {
        return false;
    }
    if (s->op == LAB_LITMUS_CAS && !find_operand(r, word[i++], s->n_cells, &s->expect)) {
        return false;
    }
    if (s->op != LAB_LITMUS_FENCE && s->op != LAB_LITMUS_LOAD &&
        !find_operand(r, word[i++], s->n_cells, &s->value)) {
        return false;
    }
    if (s->op != LAB_LITMUS_FENCE && s->op != LAB_LITMUS_STORE &&
        !find_register(r, word[i++], true, &s->reg)) {
        return false;
    }
    if (!find_order(r, op, word[i], &s->order)) {
        return false;
    }
    if (s->op >= LAB_LITMUS_XCHG && s->n_cells != 1) {
        return complain(r, "a read-modify-write is 16 bits wide");
    }
    return true;
}

// "?r0=1" before a statement.
static bool read_condition(struct reader *r, char *word, struct lab_litmus_stmt *s)
{
    char *value = strchr(word, '=');
    if (value == NULL) {
        return complain(r, "'%.40s' is no condition; the form is ?REGISTER=VALUE STATEMENT", word);
    }
    *value++ = '\0';
    if (!read_number(value, &s->if_value)) {
        return complain(r, "'%.40s' is no number", value);
    }
    return find_register(r, word + 1, false, &s->if_reg);
}

static void note_location(struct lab_litmus *test, const struct lab_litmus_stmt *s)
{
    if (s->op != LAB_LITMUS_FENCE && s->order == VIRTQ_PLAIN) {
        test->loc[s->loc].plain = true;
        test->plain = true;
    } else if (s->op != LAB_LITMUS_FENCE) {
        test->loc[s->loc].atomic = true;
    }
}

static bool read_statement(struct reader *r, char *text)
{
    struct lab_litmus_thread *t = &r->test->thread[r->thread];
    struct lab_litmus_stmt s = {.if_reg = LAB_LITMUS_NO_REG, .reg = LAB_LITMUS_NO_REG};
    size_t op = 0;

    for (uint32_t i = 0; i < WORDS_MAX; i++) {
        r->word[i] = text + strlen(text);
    }
    for (r->n_words = 0; r->n_words < WORDS_MAX; r->n_words++) {
        text += strspn(text, " \t\r\n");
        if (*text == '\0') {
            break;
        }
        r->word[r->n_words] = text;
        text += strcspn(text, " \t\r\n");
        if (*text != '\0') {
            *text++ = '\0';
        }
    }
    if (r->n_words > 0 && r->word[0][0] == '?') {
        if (!read_condition(r, r->word[0], &s)) {
            return false;
        }
        memmove(&r->word[0], &r->word[1], --r->n_words * sizeof(r->word[0]));
    }
    if (r->n_words == 0) {
        return complain(r, "there is none");
    }
    while (op < sizeof(ops) / sizeof(ops[0]) && strcmp(ops[op].word, r->word[0]) != 0) {
        op++;
    }
    if (op == sizeof(ops) / sizeof(ops[0])) {
        return complain(r, "'%.40s' is no operation; they are W R F XCHG ADD CAS", r->word[0]);
    }
    if (r->n_words != ops[op].n_words) {
        return complain(r, "%s takes %u words, not %u; the form is %s", ops[op].word,
                        ops[op].n_words - 1u, (unsigned)r->n_words - 1u, ops[op].form);
    }
    if (t->n == LAB_LITMUS_STATEMENTS) {
        return complain(r, "more than %u statements in a thread", LAB_LITMUS_STATEMENTS);
    }
    s.op = ops[op].op;
    if (!read_words(r, op, &s)) {
        return false;
    }
    note_location(r->test, &s);
    t->n_events += s.op == LAB_LITMUS_FENCE ? 1u : s.op >= LAB_LITMUS_XCHG ? 2u : s.n_cells;
    t->stmt[t->n++] = s;
    return true;
}

// Cut text at the first separator; *rest is what follows it, NULL if there is none.
static void cut(char *text, const char *separator, char **rest)
{
    *rest = strstr(text, separator);
    if (*rest != NULL) {
        **rest = '\0';
        *rest += strlen(separator);
    }
}

static bool read_thread(struct reader *r, char *text)
{
    struct lab_litmus_thread *t = &r->test->thread[r->thread];
    char *next = NULL;

    for (r->stmt = 0; text != NULL; r->stmt++) { // bound: the text
        cut(text, ";", &next);
        if (!read_statement(r, text)) {
            return false;
        }
        text = next;
    }
    r->stmt--;
    r->test->n_events += t->n_events;
    if (t->n_events > LAB_LITMUS_THREAD_EVENTS || r->test->n_events > LAB_LITMUS_EVENTS) {
        return complain(r, "too long: at most %u events in a thread and %u in a test",
                        LAB_LITMUS_THREAD_EVENTS, (unsigned)LAB_LITMUS_EVENTS);
    }
    return true;
}

// ---- the whole test ----------------------------------------------------------------------------

// Count cells over all locations.
static bool place_cells(struct lab_litmus *test, char err[LAB_LITMUS_ERR])
{
    for (uint32_t i = 0; i < test->n_locs; i++) {
        if (test->n_cells + test->loc[i].n_cells > LAB_LITMUS_CELLS) {
            (void)snprintf(err, LAB_LITMUS_ERR, "its locations have more than %u bits in all",
                           16 * LAB_LITMUS_CELLS);
            return false;
        }
        test->loc[i].cell = (uint8_t)test->n_cells;
        test->n_cells += test->loc[i].n_cells;
    }
    for (uint32_t t = 0; t < test->n_threads; t++) {
        for (uint32_t i = 0; i < test->thread[t].n; i++) {
            struct lab_litmus_stmt *s = &test->thread[t].stmt[i];
            if (s->op != LAB_LITMUS_FENCE) {
                s->cell = (uint8_t)(s->cell + test->loc[s->loc].cell);
            }
        }
    }
    return true;
}

static void add_item(struct lab_litmus *test, const struct lab_litmus_item *item)
{
    test->item[test->n_items++] = *item;
}

static int by_name(const void *a, const void *b)
{
    const struct lab_litmus_item *x = a;
    const struct lab_litmus_item *y = b;
    if (x->is_reg != y->is_reg) {
        return x->is_reg ? -1 : 1;
    }
    if (x->thread != y->thread) {
        return x->thread < y->thread ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static bool list_items(struct lab_litmus *test, char err[LAB_LITMUS_ERR])
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < test->n_threads; t++) {
        n += test->thread[t].n_regs;
    }
    if (n + 2 * test->n_locs > LAB_LITMUS_ITEMS) {
        (void)snprintf(err, LAB_LITMUS_ERR, "more than %u registers and locations",
                       LAB_LITMUS_ITEMS);
        return false;
    }
    for (uint32_t t = 0; t < test->n_threads; t++) {
        for (uint32_t i = 0; i < test->thread[t].n_regs; i++) {
            struct lab_litmus_item item = {.is_reg = true, .thread = (uint8_t)t, .reg = (uint8_t)i};
            (void)snprintf(item.name, sizeof(item.name), "%u:%s", (unsigned)t,
                           test->thread[t].reg[i]);
            add_item(test, &item);
        }
    }
    for (uint32_t i = 0; i < test->n_locs; i++) {
        const struct lab_litmus_loc *loc = &test->loc[i];
        const bool halves = loc->n_cells > 4;
        for (unsigned half = 0; half < (halves ? 2u : 1u); half++) {
            static const char *const suffix[2] = {".lo64", ".hi64"};
            struct lab_litmus_item item = {.cell = (uint8_t)(loc->cell + 4 * half),
                                           .n_cells = halves ? 4 : loc->n_cells};
            (void)snprintf(item.name, sizeof(item.name), "%s%s", loc->name,
                           halves ? suffix[half] : "");
            add_item(test, &item);
        }
    }
    qsort(test->item, test->n_items, sizeof(test->item[0]), by_name);
    return true;
}

bool lab_litmus_parse(struct lab_litmus *test, const char *name, const char *program,
                      char err[LAB_LITMUS_ERR])
{
    char text[LAB_LITMUS_PROGRAM];
    struct reader r = {.test = test, .err = err};
    char *thread = text;
    char *next = NULL;

    memset(test, 0, sizeof(*test));
    (void)snprintf(test->name, sizeof(test->name), "%s", name);
    if (strlen(program) >= sizeof(text)) {
        (void)snprintf(err, LAB_LITMUS_ERR, "the program has more than %u bytes",
                       LAB_LITMUS_PROGRAM - 1);
        return false;
    }
    memcpy(text, program, strlen(program) + 1);
    for (r.thread = 0; thread != NULL; r.thread++) { // bound: LAB_LITMUS_THREADS
        if (r.thread == LAB_LITMUS_THREADS) {
            (void)snprintf(err, LAB_LITMUS_ERR, "more than %u threads", LAB_LITMUS_THREADS);
            return false;
        }
        cut(thread, "||", &next);
        if (!read_thread(&r, thread)) {
            return false;
        }
        test->n_threads = r.thread + 1;
        thread = next;
    }
    return place_cells(test, err) && list_items(test, err);
}
