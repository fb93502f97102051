// tools/cmd/bench_bugs_list.c -- the bugs that are hunted: the zoo, or corpus/faults, and controls.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/bench_bugs.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/zoo_entry.h"
#include "tools/lab/lab_fault.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_TARGETS 4u

// Classes of the faults under corpus/faults; the zoo's entries name their own.
static const struct {
    const char *fault;
    const char *class;
} fault_classes[] = {
    {"driver-recheck", "lost-notify"},
    {"device-recheck", "lost-notify"},
    {"avail-idx-early", "ordering"},
    {"used-idx-early", "ordering"},
    {"event-idx-equal-driver", "lost-notify"},
    {"event-idx-equal-device", "lost-notify"},
    {"completion-lost", "lost-notify"},
    {"write-after-return", "ordering"},
    {"avail-idx-masked", "index-wrap"},
    {"used-idx-masked", "index-wrap"},
    {"avail-idx-late", "lost-notify"},
    {"avail-idx-torn", "ordering"},
    {"used-recheck-relaxed", "ordering"},
    {"desc-read-late", "ordering"},
    {"chain-unbounded", "loop"},
    {"desc-double-fetch", "double-fetch"},
    {"head-unchecked", "oob"},
    {"head-busy-accepted", "state-machine"},
    {"avail-idx-unchecked", "index-wrap"},
    {"indirect-len-unchecked", "len"},
    {"used-id-unchecked", "oob"},
    {"used-id-free-unchecked", "state-machine"},
    {"used-len-unchecked", "len"},
    {"used-idx-unchecked", "index-wrap"},
    {"features-not-read-back", "feature-neg"},
    {"cap-offset-unchecked", "pci"},
    {"bar-sized-live", "pci"},
    {"queue-left-enabled", "reset"},
};

static const char *class_of(const char *fault)
{
    for (size_t i = 0; i < sizeof(fault_classes) / sizeof(fault_classes[0]); i++) {
        if (strcmp(fault_classes[i].fault, fault) == 0) {
            return fault_classes[i].class;
        }
    }
    return "other";
}

// The baseline's harness for a bug: the one that runs the half that has it.
static const char *naive_of(enum lab_target target, const char *side)
{
    if (target == LAB_TARGET_PCI || strcmp(side, "transport") == 0) {
        return "naive_pci";
    }
    if (target == LAB_TARGET_PAIR) {
        return strcmp(side, "driver") == 0 ? "naive_driver" : "naive_device";
    }
    return target == LAB_TARGET_DRIVER ? "naive_driver" : "naive_device";
}

// The value behind "fault=" in words, without "zoo:"; "" if there is none, several, or one that is
// no patch of a half.
static void patch_of(const char *words, char name[LAB_NAME_BYTES])
{
    const char *at = strstr(words, "fault=");

    name[0] = '\0';
    if (at == NULL || (at > words && at[-1] != ' ')) {
        return;
    }
    at += strlen("fault=");
    at += strncmp(at, "zoo:", 4) == 0 ? 4 : 0;
    const size_t n = strcspn(at, " ");
    if (n < LAB_NAME_BYTES && memchr(at, ':', n) == NULL && memchr(at, ',', n) == NULL) {
        memcpy(name, at, n);
        name[n] = '\0';
    }
}

static bool add(struct bugs *b, const char *name, const char *class, const char *side,
                const char *target_and_words)
{
    struct bugs_entry *e = &b->entry[b->n];
    char target[32];
    const size_t n = strcspn(target_and_words, " ");

    if (b->n == BUGS_MAX || n >= sizeof(target)) {
        return false;
    }
    memset(e, 0, sizeof(*e));
    memcpy(target, target_and_words, n);
    target[n] = '\0';
    e->target = lab_target_find(target);
    const char *words = target_and_words + n + (target_and_words[n] == ' ' ? 1 : 0);
    const int length = snprintf(e->words, sizeof(e->words), "%s", words);
    if (e->target == LAB_TARGET_NONE || length < 0 || (size_t)length >= sizeof(e->words)) {
        return false;
    }
    (void)snprintf(e->name, sizeof(e->name), "%s", name);
    (void)snprintf(e->class, sizeof(e->class), "%s", class);
    (void)snprintf(e->side, sizeof(e->side), "%s", side);
    e->naive = naive_of(e->target, side);
    patch_of(e->words, e->native);
    b->n++;
    return true;
}

// Without a fault nothing may be found: what is found then is no finding.
static bool add_controls(struct bugs *b)
{
    return add(b, "no-fault-pair", "control", "driver", "pair") &&
           add(b, "no-fault-device", "control", "device", "device") &&
           add(b, "no-fault-driver", "control", "driver", "driver") &&
           add(b, "no-fault-pci", "control", "transport", "pci");
}

static bool read_finding(struct bugs_entry *e, const char *path, char err[BUGS_ERR_BYTES])
{
    struct lab_input in;

    if (!lab_input_load(path, e->target, &in, err)) {
        return false;
    }
    (void)snprintf(e->finding, sizeof(e->finding), "%s", in.finding);
    lab_input_free(&in);
    return true;
}

static bool matches(const regex_t *only, const char *name)
{
    return only == NULL || regexec(only, name, 0, NULL, 0) == 0;
}

static bool add_zoo(struct bugs *b, const struct zoo *z, const regex_t *only,
                    char err[BUGS_ERR_BYTES])
{
    char path[ZOO_PATH_BYTES];

    for (uint32_t i = 0; i < z->n; i++) {
        const struct zoo_entry *e = &z->entry[i];
        if (!matches(only, e->slug) || e->lacks != NULL) {
            continue;
        }
        if (e->err[0] != '\0') {
            (void)snprintf(err, BUGS_ERR_BYTES, "%s", e->err);
            return false;
        }
        if (!add(b, e->slug, e->class, e->side, e->fuzz)) {
            (void)snprintf(err, BUGS_ERR_BYTES, "%s: fuzz=%.200s: no target, or too long", e->slug,
                           e->fuzz);
            return false;
        }
        if (!zoo_path(e, "input.run", path) || !read_finding(&b->entry[b->n - 1], path, err)) {
            return false;
        }
    }
    return true;
}

static bool add_faults(struct bugs *b, const regex_t *only)
{
    struct lab_fault_info info;
    char words[2 * LAB_NAME_BYTES];

    for (uint32_t i = 0; lab_fault_info(i, &info); i++) { // bound: the table
        if (strcmp(info.kind, "bug") != 0 || !matches(only, info.name)) {
            continue;
        }
        const bool weak = strcmp(info.memory, "sc") != 0; // bytes do not say the memory model
        (void)snprintf(words, sizeof(words), "%s fault=%s%s%s", info.target, info.name,
                       weak ? " memory=" : "", weak ? info.memory : "");
        if (!add(b, info.name, class_of(info.name), info.side, words)) {
            return false;
        }
        (void)snprintf(b->entry[b->n - 1].finding, BUGS_KIND_BYTES, "%s", info.referee);
    }
    return true;
}

// By class, the controls first; within a class as they came.
static int compare_entries(const void *a, const void *b)
{
    const struct bugs_entry *x = a;
    const struct bugs_entry *y = b;
    const int by_control = (int)bugs_is_control(y) - (int)bugs_is_control(x);
    const int by_class = strcmp(x->class, y->class);
    if (by_control != 0 || by_class != 0) {
        return by_control != 0 ? by_control : by_class;
    }
    return strcmp(x->name, y->name);
}

bool bugs_list(struct bugs *b, bool faults, const char *only, char err[BUGS_ERR_BYTES])
{
    struct zoo zoo;
    regex_t regex;

    if (only != NULL && regcomp(&regex, only, REG_EXTENDED | REG_NOSUB) != 0) {
        (void)snprintf(err, BUGS_ERR_BYTES, "--only %.200s: no regular expression", only);
        return false;
    }
    const regex_t *chosen = only != NULL ? &regex : NULL;
    const bool has_zoo = zoo_open(&zoo, NULL, err) && zoo.n > zoo.n_lacking;
    bool ok = add_controls(b);
    if (ok && has_zoo && !faults) {
        ok = add_zoo(b, &zoo, chosen, err);
    } else if (ok) {
        ok = add_faults(b, chosen);
    }
    zoo_close(&zoo);
    if (only != NULL) {
        regfree(&regex);
    }
    if (ok && b->n <= N_TARGETS) {
        (void)snprintf(err, BUGS_ERR_BYTES, "--only %.200s: no bug has such a name",
                       only != NULL ? only : "");
        ok = false;
    }
    qsort(b->entry, b->n, sizeof(*b->entry), compare_entries);
    return ok;
}
