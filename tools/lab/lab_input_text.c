// tools/lab/lab_input_text.c -- inputs as text, read and written. Format: docs/INPUTS.md.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "vringlab-input 1"
#define LINE_MAX_BYTES (LAB_PATH_BYTES + 64u)

// Lanes whose keys are a queue and a field, written "q0.avail.idx".
static bool names_field(unsigned lane)
{
    return lane == VL_LANE_READ || lane == VL_LANE_STORE || lane == VL_LANE_NOTIFY ||
           lane == VL_LANE_MISCHIEF_DRIVER || lane == VL_LANE_MISCHIEF_DEVICE ||
           lane == VL_LANE_PLATFORM;
}

// ---- reading ------------------------------------------------------------------------------------

struct reader {
    struct lab_input *in;
    char *err; // 256 bytes
    uint32_t line;
};

static bool fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct reader *r, const char *format, ...)
{
    va_list args;
    const int n = snprintf(r->err, 256, "line %" PRIu32 ": ", r->line);
    va_start(args, format);
    (void)vsnprintf(r->err + n, 256 - (size_t)n, format, args);
    va_end(args);
    return false;
}

// A whole decimal or 0x-number that fits 32 bits.
static bool read_number(const char *text, uint32_t *out)
{
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const uint32_t base = hex ? 16 : 10;
    uint64_t v = 0;
    const char *p = hex ? text + 2 : text;

    if (*p == '\0') {
        return false;
    }
    for (; *p != '\0'; p++) { // bound: the line
        const char c = (char)(*p | 0x20);
        uint32_t digit = 99;
        if (*p >= '0' && *p <= '9') {
            digit = (uint32_t)(*p - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        }
        if (digit >= base || v > UINT32_MAX) {
            return false;
        }
        v = v * base + digit;
    }
    *out = (uint32_t)v;
    return v <= UINT32_MAX;
}

static bool read_lane(struct reader *r, const char *word, struct vl_deviation *d)
{
    for (unsigned lane = 0; lane < VL_LANE_COUNT; lane++) {
        if (strcmp(vl_lane_name(lane), word) == 0) {
            d->lane = (uint8_t)lane;
            return true;
        }
    }
    return fail(r,
                "%.40s: unknown lane; lanes are schedule, read, store, notify, workload, "
                "completion, mischief-driver, mischief-device, mischief-pci, platform, priority, "
                "delay",
                word);
}

static bool read_agent(struct reader *r, const char *word, struct vl_deviation *d)
{
    if (vl_lane_agents[d->lane] == 1) {
        if (strcmp(word, "-") == 0) {
            return true;
        }
        return fail(r, "%.40s: lane %s is the same for all agents; write -", word,
                    vl_lane_name(d->lane));
    }
    for (unsigned agent = 0; agent < VL_AGENT_COUNT; agent++) {
        if (strcmp(vl_agent_name(agent), word) == 0) {
            d->agent = (uint8_t)agent;
            return true;
        }
    }
    return fail(r,
                "%.40s: unknown agent; agents are driver, device, trap, handler, platform, "
                "adversary",
                word);
}

// "q0.avail.idx" for lanes of fields; a number below the lane's count of keys anywhere.
static bool read_key(struct reader *r, const char *word, struct vl_deviation *d)
{
    uint32_t number = 0;

    if (vl_lane_keys[d->lane] == 1) {
        return strcmp(word, "-") == 0 ||
               fail(r, "%.40s: lane %s has no keys; write -", word, vl_lane_name(d->lane));
    }
    if (read_number(word, &number)) {
        d->key = (uint16_t)number;
        return number < vl_lane_keys[d->lane] ||
               fail(r, "%.40s: keys of lane %s are below %u", word, vl_lane_name(d->lane),
                    vl_lane_keys[d->lane]);
    }
    if (names_field(d->lane) && word[0] == 'q' && word[1] >= '0' && word[1] <= '3' &&
        word[2] == '.') {
        for (unsigned field = 0; field < VL_FIELD_COUNT; field++) {
            if (strcmp(vl_field_name(field), word + 3) == 0) {
                d->key = vl_choice_key((unsigned)(word[1] - '0'), field);
                return true;
            }
        }
    }
    return fail(r, "%.40s: not a key of lane %s; write %s", word, vl_lane_name(d->lane),
                names_field(d->lane) ? "q0.FIELD to q3.FIELD, as in q0.avail.idx, or a number"
                                     : "a number");
}

static bool read_deviation(struct reader *r, char *const words[5])
{
    struct vl_deviation d = {0};

    if (!read_lane(r, words[0], &d) || !read_agent(r, words[1], &d) || !read_key(r, words[2], &d)) {
        return false;
    }
    if (!read_number(words[3], &d.nth) || d.nth == 0) {
        return fail(r, "%.40s: occurrences are numbers from 1 to 4294967295", words[3]);
    }
    if (!read_number(words[4], &d.value) || d.value == 0) {
        return fail(r, "%.40s: values are numbers from 1 to 4294967295; 0 would be no deviation",
                    words[4]);
    }
    if (r->in->n == r->in->max) {
        return fail(r, "more than %" PRIu32 " deviations", r->in->max);
    }
    r->in->list[r->in->n++] = d;
    return true;
}

static bool read_setting(struct reader *r, const char *line)
{
    char inner[256];
    if (strncmp(line, "target=", 7) == 0) {
        r->in->target = lab_target_find(line + 7);
        return r->in->target != LAB_TARGET_NONE ||
               fail(r, "target=%.40s: targets are fuzz_pair, fuzz_device, fuzz_driver, fuzz_pci",
                    line + 7);
    }
    if (strncmp(line, "finding=", 8) == 0) {
        const char *name = line + 8;
        const char *colon = strchr(name, ':');
        if (colon == NULL || colon == name || colon[1] == '\0' ||
            strlen(name) >= sizeof(r->in->finding)) {
            return fail(r, "%.60s: a finding is REFEREE:NAME, as a verdict prints it", line);
        }
        (void)snprintf(r->in->finding, sizeof(r->in->finding), "%s", name);
        return true;
    }
    return lab_scenario_set(&r->in->scenario, line, inner) || fail(r, "%.200s", inner);
}

// Split at blanks. Returns how many words there are, at most max + 1.
static unsigned split(char *line, char **words, unsigned max)
{
    unsigned n = 0;
    for (char *p = line; *p != '\0';) { // bound: the line
        p += strspn(p, " \t\r");
        if (*p == '\0') {
            break;
        }
        if (n == max) {
            return n + 1;
        }
        words[n++] = p;
        p += strcspn(p, " \t\r");
        if (*p != '\0') {
            *p++ = '\0';
        }
    }
    return n;
}

// A comment starts at a # that follows a blank or starts the line: file names may hold one.
static void cut_comment(char *line)
{
    for (char *p = line; *p != '\0'; p++) { // bound: the line
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
            *p = '\0';
            return;
        }
    }
}

static bool read_line(struct reader *r, const char *text, size_t bytes)
{
    char line[LINE_MAX_BYTES];
    char *words[5] = {NULL};

    if (memchr(text, '\0', bytes) != NULL) {
        return fail(r, "a NUL byte: this is not text");
    }
    if (bytes >= sizeof(line)) {
        return fail(r, "longer than %zu bytes", sizeof(line) - 1);
    }
    memcpy(line, text, bytes);
    line[bytes] = '\0';
    cut_comment(line);
    const unsigned n = split(line, words, 5);
    if (n == 0) {
        return true;
    }
    if (n == 1) {
        return strchr(words[0], '=') != NULL ? read_setting(r, words[0])
                                             : fail(r,
                                                    "%.40s: neither KEY=VALUE nor LANE AGENT KEY "
                                                    "NTH VALUE",
                                                    words[0]);
    }
    if (n != 5) {
        return fail(r, "%.40s ...: a deviation is LANE AGENT KEY NTH VALUE, 5 words", words[0]);
    }
    return read_deviation(r, words);
}

static bool is_magic(const char *text, size_t bytes)
{
    const size_t n = strlen(MAGIC);
    return bytes >= n && memcmp(text, MAGIC, n) == 0 &&
           (bytes == n || (bytes == n + 1 && text[n] == '\r'));
}

// Canonical order, and no address twice: which of two was meant cannot be known.
static bool settle(struct reader *r)
{
    const uint32_t n = r->in->n;
    r->in->n = vl_deviations_canonical(r->in->list, n);
    if (r->in->n != n) {
        return fail(r,
                    "%" PRIu32 " deviations have the address of another one (the first four "
                    "words); keep one of each",
                    n - r->in->n);
    }
    char inner[256];
    return lab_scenario_check(&r->in->scenario, inner) || fail(r, "%.200s", inner);
}

bool lab_input_parse(const char *text, size_t bytes, struct lab_input *in, char err[256])
{
    struct reader r = {.in = in, .err = err, .line = 1};
    size_t at = 0;

    err[0] = '\0';
    lab_scenario_default(&in->scenario);
    in->target = LAB_TARGET_NONE;
    in->finding[0] = '\0';
    in->n = 0;
    for (; at < bytes; r.line++) { // bound: the text
        const char *end = memchr(text + at, '\n', bytes - at);
        const size_t n = end != NULL ? (size_t)(end - text) - at : bytes - at;
        if (r.line == 1 && !is_magic(text, n)) {
            return fail(&r, "not a text input: its first line must be \"" MAGIC "\"");
        }
        if (r.line > 1 && !read_line(&r, text + at, n)) {
            return false;
        }
        at += n + 1;
    }
    if (r.line == 1) {
        return fail(&r, "empty: the first line must be \"" MAGIC "\"");
    }
    r.line--;
    return settle(&r);
}

// ---- writing ------------------------------------------------------------------------------------

static bool put(const struct lab_input_sink *sink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool put(const struct lab_input_sink *sink, const char *format, ...)
{
    char text[LAB_TEXT_BYTES + 64];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return n >= 0 && (size_t)n < sizeof(text) && sink->write(sink->ctx, text, (size_t)n);
}

static void key_text(const struct vl_deviation *d, char *out, size_t out_bytes)
{
    if (vl_lane_keys[d->lane] == 1) {
        (void)snprintf(out, out_bytes, "-");
    } else if (names_field(d->lane)) {
        (void)snprintf(out, out_bytes, "q%u.%s", d->key >> 4 & 3u, vl_field_name(d->key & 15u));
    } else {
        (void)snprintf(out, out_bytes, "%u", d->key);
    }
}

bool lab_input_print(const struct lab_input *in, const struct lab_input_sink *sink)
{
    char text[LAB_TEXT_BYTES];
    const size_t n = lab_scenario_print(&in->scenario, '\n', false, text, sizeof(text));

    bool ok = put(sink, MAGIC "\n") && (n == 0 || put(sink, "%s\n", text));
    if (ok && in->target != LAB_TARGET_NONE) {
        ok = put(sink, "target=%s\n", lab_target_name(in->target));
    }
    if (ok && in->finding[0] != '\0') {
        ok = put(sink, "finding=%s\n", in->finding);
    }
    for (uint32_t i = 0; ok && i < in->n; i++) { // bound: in->n
        const struct vl_deviation *d = &in->list[i];
        char key[32];
        char sentence[256];
        key_text(d, key, sizeof(key));
        lab_deviation_sentence(in->scenario.memory, d, sentence, sizeof(sentence));
        ok = put(sink, "%s %s %s %" PRIu32 " %" PRIu32 " # %s\n", vl_lane_name(d->lane),
                 vl_lane_agents[d->lane] > 1 ? vl_agent_name(d->agent) : "-", key, d->nth, d->value,
                 sentence);
    }
    return ok;
}
