// tools/cmd/zoo_check.c -- do the files of an entry of the zoo agree with each other?
// The rules are those of corpus/zoo/README.md.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_tree.h"
#include "tools/cmd/zoo_entry.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64

static bool fail(char *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(char *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err, ZOO_ERR_BYTES, format, args);
    va_end(args);
    return false;
}

// The line `## NAME` behind at, with something that is no heading behind it.
static const char *section(const char *at, const char *name)
{
    const size_t n = strlen(name);
    for (at = strchr(at, '\n'); at != NULL; at = strchr(at, '\n')) { // bound: the file
        at++;
        if (strncmp(at, "## ", 3) == 0 && strncmp(at + 3, name, n) == 0 && at[3 + n] == '\n') {
            const char *text = at + 3 + n + strspn(at + 3 + n, "\n ");
            return *text != '\0' && strncmp(text, "## ", 3) != 0 ? at : NULL;
        }
    }
    return NULL;
}

static bool check_readme(const struct zoo_entry *e, char *err)
{
    static const char *const names[] = {"What was wrong", "What the ring looked like",
                                        "How it is modelled", "The shortest input", "The lesson"};
    char path[ZOO_PATH_BYTES];
    const size_t n = strlen(e->slug);
    char *data = zoo_path(e, "README.md", path) ? cmd_tree_read(path, NULL, err) : NULL;

    if (data == NULL) {
        return false;
    }
    bool ok = strncmp(data, "# ", 2) == 0 && strncmp(data + 2, e->slug, n) == 0 &&
              strncmp(data + 2 + n, ": ", 2) == 0;
    if (!ok) {
        (void)fail(err, "README.md does not begin with \"# %s: ...\"", e->slug);
    }
    const char *at = data;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && ok; i++) {
        at = section(at, names[i]);
        ok = at != NULL || fail(err, "README.md has no section \"## %s\" in its place", names[i]);
    }
    free(data);
    return ok;
}

static bool has_fault(const struct lab_scenario *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_faults; i++) { // bound: LAB_FAULTS_MAX
        if (strcmp(s->fault[i], name) == 0) {
            return true;
        }
    }
    return false;
}

// What `fuzz=` fixes is the input's harness and its faults.
static bool check_fuzz(const struct zoo_entry *e, const struct lab_input *in, char *err)
{
    char copy[1024];
    char why[256] = "";
    char *words[WORDS_MAX];
    struct lab_scenario base;
    uint64_t locked = 0;

    const int bytes = snprintf(copy, sizeof(copy), "%s", e->fuzz);
    const int n = cmd_split(copy, " ", words, WORDS_MAX);
    if (bytes < 0 || (size_t)bytes >= sizeof(copy) || n < 1) {
        return fail(err, "zoo.conf: fuzz= is TARGET and some KEY=VALUE");
    }
    const enum lab_target target = lab_target_find(words[0]);
    if (target == LAB_TARGET_NONE || target != in->target) {
        return fail(err, "zoo.conf: fuzz=%.20s, but input.run is of target %s", words[0],
                    in->target == LAB_TARGET_NONE ? "(none)" : lab_target_name(in->target));
    }
    if (!lab_input_base(target, n - 1, words + 1, &base, &locked, why)) {
        return fail(err, "zoo.conf: fuzz=: %s", why);
    }
    for (uint32_t i = 0; i < base.n_faults; i++) { // bound: LAB_FAULTS_MAX
        if (!has_fault(&in->scenario, base.fault[i])) {
            return fail(err, "zoo.conf has fault=%s, input.run has not", base.fault[i]);
        }
    }
    if (base.n_faults != in->scenario.n_faults || base.n_faults == 0) {
        return fail(err, "zoo.conf has %" PRIu32 " faults, input.run %" PRIu32, base.n_faults,
                    in->scenario.n_faults);
    }
    return true;
}

static bool check_patch(const struct zoo_entry *e, const struct lab_input *in, char *err)
{
    char path[ZOO_PATH_BYTES];
    char own[ZOO_SLUG_BYTES + 8];

    (void)snprintf(own, sizeof(own), "zoo:%s", e->slug);
    const bool patch = zoo_path(e, "fault.patch", path) && access(path, R_OK) == 0;
    if (has_fault(&in->scenario, own) != patch) {
        return fail(err,
                    patch ? "fault.patch is there, but input.run has no fault=%s"
                          : "fault.patch is missing, and input.run has fault=%s",
                    own);
    }
    return true;
}

static bool check_input(const struct zoo_entry *e, const struct lab_input *in, char *err)
{
    static const char *const names[] = {"sc", "tso", "rc11"};

    if (in->finding[0] == '\0') {
        return fail(err, "input.run has no finding=");
    }
    if (strcmp(names[in->scenario.memory], e->memory) != 0) {
        return fail(err, "zoo.conf has memory=%s, input.run memory=%s", e->memory,
                    names[in->scenario.memory]);
    }
    if (in->n > ZOO_DEVIATIONS_MAX && e->more == NULL) {
        return fail(err,
                    "input.run has %" PRIu32 " deviations: at most %u, or zoo.conf says why "
                    "with more=",
                    in->n, ZOO_DEVIATIONS_MAX);
    }
    if (in->n <= ZOO_DEVIATIONS_MAX && e->more != NULL) {
        return fail(err, "zoo.conf says more=, and input.run has %" PRIu32 " deviations", in->n);
    }
    return true;
}

bool zoo_entry_check(const struct zoo_entry *e, const struct lab_input *in, char *err)
{
    return check_input(e, in, err) && check_fuzz(e, in, err) && check_patch(e, in, err) &&
           check_readme(e, err);
}
