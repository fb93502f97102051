// tools/cmd/lesson.c -- vringlab lesson: what each barrier is for, shown on the real code.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_json.h"
#include "tools/cmd/lesson_claims.h"
#include "tools/cmd/lesson_doc.h"
#include "tools/cmd/lesson_print.h"
#include "tools/cmd/timeline.h"

#include <inttypes.h>
#include <string.h>

extern const struct cmd cmd_lesson;

#define LINE_COLUMNS 96u

// ---- printing -----------------------------------------------------------------------------------

void lesson_heading(const struct lesson_out *out, const char *text)
{
    (void)fprintf(out->file, out->markdown ? "\n**%s**\n\n" : "\n%s\n\n", text);
}

void lesson_prose(const struct lesson_out *out, const char *text)
{
    (void)fprintf(out->file, "%s", text);
}

void lesson_block_begin(const struct lesson_out *out, const char *language)
{
    (void)fprintf(out->file, out->markdown ? "\n```%s\n" : "\n", language);
}

void lesson_block_end(const struct lesson_out *out)
{
    (void)fprintf(out->file, "%s", out->markdown ? "```\n" : "");
}

void lesson_wrapped(const struct lesson_out *out, const char *indent, const char *text)
{
    const size_t margin = strlen(indent);
    const char *before = indent;

    while (*text != '\0') { // bound: the text
        size_t n = strlen(text);
        if (n > LINE_COLUMNS - margin) {
            n = LINE_COLUMNS - margin;
            while (n > 1 && text[n] != ' ') { // bound: a line
                n--;
            }
        }
        (void)fprintf(out->file, "%s%.*s\n", before, (int)n, text);
        text += n;
        text += strspn(text, " ");
        before = "        ";
    }
}

// "FILE:LINE" as "FILE FUNCTION()": compilers do not agree on the line of a call that has several.
static void name_functions(const struct lesson_run *run, const char *text, char *out, size_t room)
{
    size_t n = 0;
    out[0] = '\0';
    while (*text != '\0' && n + 1 < room) { // bound: room
        const struct vl_log_site *found = NULL;
        char place[128];
        size_t bytes = 0;
        for (uint32_t i = 0; i < run->kept.n_sites && found == NULL; i++) { // bound: KEPT_SITES_MAX
            (void)snprintf(place, sizeof(place), "%.95s:%" PRIu32, run->kept.site[i].file,
                           run->kept.site[i].line);
            bytes = strlen(place);
            const bool whole =
                strncmp(text, place, bytes) == 0 && (text[bytes] < '0' || text[bytes] > '9');
            found = whole ? &run->kept.site[i] : NULL;
        }
        if (found == NULL) {
            out[n++] = *text++;
            out[n] = '\0';
            continue;
        }
        (void)snprintf(out + n, room - n, "%.95s %.63s()", found->file, found->func);
        n += strlen(out + n);
        text += bytes;
    }
}

static void print_finding(const struct lesson_out *out, const struct lesson_run *run,
                          const struct vl_verdict *v)
{
    char text[1024];
    char named[1024] = "";
    (void)snprintf(text, sizeof(text), "%s: %s", v->kind, v->detail);
    name_functions(run, text, named, sizeof(named));
    lesson_wrapped(out, "finding ", named);
}

static void print_input(const struct lesson_out *out, const struct lesson *l,
                        const struct lesson_run *run)
{
    char words[LAB_TEXT_BYTES];
    (void)lab_scenario_print(&run->input.scenario, ' ', false, words, sizeof(words));
    (void)fprintf(out->file, "vringlab run --choices corpus/lessons/%s/input.run\n", l->name);
    lesson_wrapped(out, "    ", words);
    if (run->input.n == 0) {
        (void)fprintf(out->file, "    no deviation: this is the benign run\n");
    }
    for (uint32_t i = 0; i < run->input.n; i++) { // bound: the input
        const struct vl_deviation *d = &run->input.list[i];
        char sentence[256];
        lab_deviation_sentence(run->input.scenario.memory, d, sentence, sizeof(sentence));
        (void)fprintf(out->file, "    %" PRIu32 ". %s\n", i + 1, sentence);
    }
}

static void print_happens(const struct lesson_out *out, const struct lesson *l,
                          const struct lesson_run *run)
{
    const struct timeline_view view = {
        .show = l->show, .lines = l->lines, .until_given_up = l->unjudged};

    lesson_prose(out, l->section[LESSON_HAPPENS]);
    lesson_block_begin(out, "text");
    print_input(out, l, run);
    (void)fprintf(out->file, "\n");
    timeline_print(out->file, &view, &run->kept);
    (void)fprintf(out->file, "\n");
    if (!l->unjudged) {
        print_finding(out, run, &run->kept.verdict);
    }
    if (run->has_stopped) {
        (void)fprintf(out->file, "%s\n",
                      l->unjudged ? "with the referees on:"
                                  : "with races=stop, at the first race:");
        print_finding(out, run, &run->stopped);
    }
    lesson_block_end(out);
}

// Several claims may be put right by the same words.
static bool said_before(const struct lesson *l, uint32_t claim)
{
    for (uint32_t i = 0; i < claim; i++) { // bound: LESSON_CLAIMS_MAX
        if (l->claim[i].fixed != NULL && l->claim[claim].fixed != NULL &&
            l->claim[i].n_runs == l->claim[claim].n_runs &&
            strcmp(l->claim[i].fixed, l->claim[claim].fixed) == 0) {
            return true;
        }
    }
    return false;
}

static void print_claims(const struct lesson_out *out, const struct lesson *l,
                         const struct lesson_claim_result *results, bool fixed)
{
    lesson_block_begin(out, "text");
    for (uint32_t i = 0; i < l->n_claims; i++) { // bound: LESSON_CLAIMS_MAX
        if (fixed && !said_before(l, i)) {
            lesson_fixed_print(out, &l->claim[i], &results[i]);
        } else if (!fixed) {
            lesson_claim_print(out, &l->claim[i], &results[i]);
        }
    }
    lesson_block_end(out);
}

// ---- a lesson -----------------------------------------------------------------------------------

struct taught {
    struct lesson lesson;
    struct lesson_run run;
    struct lesson_claim_result result[LESSON_CLAIMS_MAX];
    bool as_expected;
};

static bool look_at(const struct lesson_course *c, const char *name, struct taught *t, char *err)
{
    memset(t, 0, sizeof(*t));
    if (!lesson_open(c, name, &t->lesson, err) || !lesson_run_open(&t->lesson, &t->run, err)) {
        return false;
    }
    t->as_expected = true;
    for (uint32_t i = 0; i < t->lesson.n_claims; i++) { // bound: LESSON_CLAIMS_MAX
        if (!lesson_claim_check(&t->lesson.claim[i], t->run.input.finding, &t->result[i], err)) {
            return false;
        }
        t->as_expected = t->as_expected && t->result[i].as_claimed;
    }
    return true;
}

static void forget(struct taught *t)
{
    lesson_run_close(&t->run);
    lesson_close(&t->lesson);
}

static bool tell(const struct lesson_out *out, const struct lesson_course *c,
                 const struct taught *t, char *err)
{
    const struct lesson *l = &t->lesson;

    if (!out->markdown) {
        (void)fprintf(out->file, "%s: %s\n", l->name, l->title);
    }
    lesson_heading(out, "The code");
    lesson_prose(out, l->section[LESSON_ABOUT]);
    if (!lesson_code_print(out, l, c->root, &t->run, err)) {
        return false;
    }
    lesson_heading(out, "What can happen without it");
    print_happens(out, l, &t->run);
    lesson_heading(out, "Under which models it can");
    lesson_prose(out, l->section[LESSON_MODELS_TEXT]);
    print_claims(out, l, t->result, false);
    lesson_heading(out, "What forbids it");
    lesson_prose(out, l->section[LESSON_FORBIDS]);
    print_claims(out, l, t->result, true);
    return true;
}

static void complain(const struct taught *t)
{
    for (uint32_t i = 0; i < t->lesson.n_claims; i++) { // bound: LESSON_CLAIMS_MAX
        const struct lesson_claim *claim = &t->lesson.claim[i];
        for (unsigned m = 0; m < LESSON_MODELS; m++) {
            const struct lesson_claim_result *r = &t->result[i];
            if (r->found[m].answer != claim->expect[m]) {
                (void)cmd_fail("lesson", 0, "%s: %s memory=%s: %s, expected %s", t->lesson.name,
                               claim->words, vl_model_name(m),
                               lesson_answer_name(r->found[m].answer),
                               lesson_answer_name(claim->expect[m]));
            }
            if (r->fixed[m].answer == LESSON_YES || r->fixed[m].answer == LESSON_REFUSED) {
                (void)cmd_fail("lesson", 0, "%s: %s memory=%s: %s, although all is put right",
                               t->lesson.name, claim->fixed, vl_model_name(m),
                               lesson_answer_name(r->fixed[m].answer));
            }
        }
    }
}

bool lesson_tell(FILE *file, const struct lesson_course *c, const char *name, bool markdown,
                 bool *as_expected, char *err)
{
    static struct taught t; // too large for a stack
    const struct lesson_out out = {.file = file, .markdown = markdown};
    const bool ok = look_at(c, name, &t, err) && tell(&out, c, &t, err);
    if (ok) {
        complain(&t);
        *as_expected = t.as_expected;
    }
    forget(&t);
    return ok;
}

// ---- JSON ---------------------------------------------------------------------------------------

static void json_found(const char *key, const struct lesson_found *found)
{
    (void)printf("\"%s\": [", key);
    for (unsigned m = 0; m < LESSON_MODELS; m++) {
        const struct vl_result *r = &found[m].explored;
        (void)printf("%s{\"memory\": \"%s\", \"can_happen\": \"%s\", \"executions\": %" PRIu64
                     ", \"blocked\": %" PRIu64 ", \"races\": %" PRIu64 ", \"stuck\": %" PRIu64
                     ", \"violating\": %" PRIu64 ", \"seed\": %" PRIu64 "}",
                     m > 0 ? ", " : "", vl_model_name(m), lesson_answer_name(found[m].answer),
                     r->complete, r->blocked, r->races, r->stuck, r->complete - r->ok,
                     found[m].seed);
    }
    (void)printf("]");
}

static int tell_json(const struct lesson_course *c, const char *name)
{
    static struct taught t;
    char err[LESSON_ERR_BYTES] = "";

    if (!look_at(c, name, &t, err)) {
        forget(&t);
        return cmd_fail("lesson", CMD_EXIT_ENV, "%s", err);
    }
    (void)printf("{\"name\": \"%s\", \"title\": ", name);
    cmd_json_text(stdout, t.lesson.title);
    (void)printf(", \"summary\": ");
    cmd_json_text(stdout, t.lesson.summary);
    (void)printf(", \"deviations\": %" PRIu32 ", \"finding\": \"%s\", \"claims\": [", t.run.input.n,
                 t.run.input.finding);
    for (uint32_t i = 0; i < t.lesson.n_claims; i++) { // bound: LESSON_CLAIMS_MAX
        const struct lesson_claim *claim = &t.lesson.claim[i];
        (void)printf("%s{\"words\": ", i > 0 ? ", " : "");
        cmd_json_text(stdout, claim->words);
        (void)printf(", \"runs\": %" PRIu32 ", ", claim->n_runs);
        json_found("models", t.result[i].found);
        if (claim->fixed != NULL) {
            (void)printf(", \"fixed_words\": ");
            cmd_json_text(stdout, claim->fixed);
            (void)printf(", ");
            json_found("fixed", t.result[i].fixed);
        }
        (void)printf(", \"as_expected\": %s}", t.result[i].as_claimed ? "true" : "false");
    }
    (void)printf("], \"as_expected\": %s}\n", t.as_expected ? "true" : "false");
    const bool good = t.as_expected;
    complain(&t);
    forget(&t);
    return good ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
}

// ---- the list -----------------------------------------------------------------------------------

static int list(const struct lesson_course *c, bool names_only, bool json)
{
    for (uint32_t i = 0; i < c->n; i++) { // bound: LESSONS_MAX
        struct lesson l;
        char err[LESSON_ERR_BYTES];
        if (!lesson_open(c, c->name[i], &l, err)) {
            return cmd_fail("lesson", CMD_EXIT_ENV, "%s", err);
        }
        if (json) {
            (void)printf("%s{\"name\": \"%s\", \"title\": ", i == 0 ? "[" : ",\n ", l.name);
            cmd_json_text(stdout, l.title);
            (void)printf(", \"summary\": ");
            cmd_json_text(stdout, l.summary);
            (void)printf("}%s", i + 1 == c->n ? "]\n" : "");
        } else if (names_only) {
            (void)printf("%s\n", l.name);
        } else {
            (void)printf("%2" PRIu32 "  %-24s%s\n", i + 1, l.name, l.summary);
        }
        lesson_close(&l);
    }
    return CMD_EXIT_CLEAN;
}

// ---- the command --------------------------------------------------------------------------------

struct arguments {
    const char *name;
    const char *root;
    const char *check;
    const char *write;
    bool markdown;
    bool list;
    bool json;
};

static int parse(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        if (strcmp(argv[i], "--markdown") == 0) {
            a->markdown = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            a->list = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (strcmp(argv[i], "--root") == 0) {
            value = &a->root;
        } else if (strcmp(argv[i], "--check") == 0) {
            value = &a->check;
        } else if (strcmp(argv[i], "--write") == 0) {
            value = &a->write;
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_lesson, "%s: no such option", argv[i]);
        } else if (a->name != NULL) {
            return cmd_usage(&cmd_lesson, "one lesson at a time");
        } else {
            a->name = argv[i];
        }
        if (value != NULL && i + 1 == argc) {
            return cmd_usage(&cmd_lesson, "%s needs a value", argv[i]);
        }
        if (value != NULL) {
            *value = argv[++i];
        }
    }
    if ((a->name != NULL) + (a->check != NULL) + (a->write != NULL) + a->list > 1 ||
        (a->markdown && (a->json || a->name == NULL))) {
        return cmd_usage(&cmd_lesson, "these do not go together");
    }
    return CMD_EXIT_CLEAN;
}

static bool known(const struct lesson_course *c, const char *name)
{
    for (uint32_t i = 0; i < c->n; i++) { // bound: LESSONS_MAX
        if (strcmp(c->name[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int lesson_main(int argc, char **argv)
{
    struct arguments a = {0};
    static struct lesson_course course;
    char err[LESSON_ERR_BYTES] = "";
    bool as_expected = false;

    const int code = parse(argc, argv, &a);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    if (!lesson_course_open(&course, a.root, err)) {
        return cmd_fail("lesson", CMD_EXIT_ENV, "%s", err);
    }
    if (a.check != NULL || a.write != NULL) {
        return lesson_doc(&course, a.check != NULL ? a.check : a.write, a.write != NULL);
    }
    if (a.name == NULL) {
        return list(&course, a.list, a.json);
    }
    if (!known(&course, a.name)) {
        return cmd_usage(&cmd_lesson, "%s: no such lesson; `vringlab lesson` lists them", a.name);
    }
    if (a.json) {
        return tell_json(&course, a.name);
    }
    if (!lesson_tell(stdout, &course, a.name, a.markdown, &as_expected, err)) {
        return cmd_fail("lesson", CMD_EXIT_ENV, "%s", err);
    }
    return as_expected ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
}

const struct cmd cmd_lesson = {
    "lesson", "[NAME] [--markdown | --json] | --list | --check FILE | --write FILE [--root DIR]",
    "what each barrier of a ring is for, shown on the real code",
    "Without a name: the lessons in reading order, a line each. With one: the code with the\n"
    "barrier's lines, what can happen without it as a timeline of driver and device, under which\n"
    "memory models it can, by exploring all executions, and what forbids it. docs/LESSONS.md\n"
    "weaves them into a course.\n"
    "\n"
    "  --markdown    as Markdown\n"
    "  --json        the verdicts as one JSON object; without a name: the list\n"
    "  --list        names only\n"
    "  --check FILE  the lessons' outputs in a Markdown file are what they are now\n"
    "  --write FILE  put them there: between `<!-- lesson NAME -->` and `<!-- end lesson -->`\n"
    "  --root DIR    the source tree; else the one above the executable\n"
    "\n"
    "  vringlab lesson avail-publish\n"
    "\n"
    "exit codes: 0 all is as the lesson expects, 1 not, 2 usage, 3 environment\n",
    lesson_main};
