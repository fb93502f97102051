// tools/cmd/triage_report.c -- the report of a triage, as Markdown and as JSON.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_clause.h"
#include "tools/cmd/cmd_json.h"
#include "tools/cmd/triage.h"

#include <inttypes.h>
#include <string.h>

#define FILES_SHOWN 20u

// A text in a table of Markdown, or in a list: what has a meaning there is quoted.
static void md(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) { // bound: the text
        const unsigned char c = (unsigned char)*text;
        if (strchr("|\\`*_<>[]", c) != NULL) {
            (void)fputc('\\', out);
        }
        (void)fputc(c < 0x20 || c == 0x7F ? '?' : c, out);
    }
}

static uint32_t n_findings(const struct triage *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        n += triage_has_finding(&t->bucket[i]) ? 1 : 0;
    }
    return n;
}

// ---- Markdown -----------------------------------------------------------------------------------

static void md_table(FILE *out, const struct triage *t)
{
    uint32_t n = 0;
    (void)fprintf(out, "| | finding | clause | side | field | line | inputs | left |\n"
                       "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        const struct triage_bucket *b = &t->bucket[i];
        if (!triage_has_finding(b)) {
            continue;
        }
        (void)fprintf(out, "| %" PRIu32 " | %s | %s | %s | ", ++n, b->key.kind, b->key.clause,
                      b->key.side);
        md(out, b->key.field);
        (void)fprintf(out, " | ");
        md(out, b->key.line);
        (void)fprintf(out, " | %" PRIu32 " | ", b->n_files);
        if (b->shrunk) {
            (void)fprintf(out, "%" PRIu32 " |\n", b->n_left);
        } else {
            (void)fprintf(out, "- |\n");
        }
    }
}

static void md_files(FILE *out, const struct triage *t, int bucket)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->files.n; i++) { // bound: TRIAGE_FILES_MAX
        const struct triage_file *f = &t->files.file[i];
        if (f->bucket != bucket) {
            continue;
        }
        if (++n > FILES_SHOWN && bucket >= 0) {
            continue; // counted; report.json has them all
        }
        (void)fprintf(out, "- ");
        md(out, f->path);
        if (bucket < 0) {
            (void)fprintf(out, ": ");
            md(out, f->err);
        }
        (void)fprintf(out, "\n");
    }
    if (n > FILES_SHOWN && bucket >= 0) {
        (void)fprintf(out, "- and %" PRIu32 " more\n", n - FILES_SHOWN);
    }
}

static void md_bucket(FILE *out, const struct triage *t, uint32_t i, uint32_t number)
{
    const struct triage_bucket *b = &t->bucket[i];
    const struct vl_clause_info *clause = vl_clause_info(b->verdict.clause);

    (void)fprintf(out, "\n## %" PRIu32 ". %s, %s\n\n", number, b->key.kind, b->key.side);
    md(out, b->verdict.detail);
    (void)fprintf(out, "\n\n");
    if (clause != NULL) {
        (void)fprintf(out, "Clause %s (%s, %s, section %s): ", clause->id,
                      vl_bound_name(clause->side), vl_level_name(clause->level), clause->section);
        md(out, clause->summary);
        (void)fprintf(out, "\n\n");
    }
    if (b->shrunk) {
        (void)fprintf(out, "Shrunk to %" PRIu32 " deviation%s%s:\n\n", b->n_left,
                      b->n_left == 1 ? "" : "s",
                      b->minimal ? "" : " before time ran out (shrink it again)");
        (void)fprintf(out,
                      "```\nvringlab explain %s\nvringlab run --choices %s --trace found.db\n"
                      "```\n\n",
                      b->out, b->out);
    } else {
        (void)fprintf(out, "Not shrunk: ");
        md(out, b->why);
        (void)fprintf(out, "\n\n");
    }
    (void)fprintf(out, "Inputs:\n\n");
    md_files(out, t, (int)i);
}

void triage_report_md(FILE *out, const struct triage *t)
{
    uint32_t number = 0;

    (void)fprintf(out, "# Triage of ");
    md(out, t->dir);
    (void)fprintf(out,
                  "\n\n%" PRIu32 " inputs: %" PRIu32 " findings, %" PRIu32
                  " inputs that come to nothing here, %" PRIu32 " that cannot be run. %" PRIu32
                  " other files were left alone.\n\n",
                  t->files.n, n_findings(t), t->n_clean, t->n_unreadable, t->files.n_skipped);
    if (n_findings(t) > 0) {
        md_table(out, t);
    }
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        if (triage_has_finding(&t->bucket[i])) {
            md_bucket(out, t, i, ++number);
        }
    }
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        if (!triage_has_finding(&t->bucket[i])) {
            (void)fprintf(out, "\n## Nothing is found any more\n\nEither it is mended, or only a "
                               "build with sanitizers shows it: run the harness on the file.\n\n");
            md_files(out, t, (int)i);
        }
    }
    if (t->n_unreadable > 0) {
        (void)fprintf(out, "\n## Cannot be run\n\n");
        md_files(out, t, -1);
    }
}

// ---- JSON ---------------------------------------------------------------------------------------

static void json_files(FILE *out, const struct triage *t, int bucket)
{
    bool first = true;
    (void)fprintf(out, "\"inputs\": [");
    for (uint32_t i = 0; i < t->files.n; i++) { // bound: TRIAGE_FILES_MAX
        if (t->files.file[i].bucket == bucket) {
            (void)fprintf(out, "%s", first ? "" : ", ");
            cmd_json_text(out, t->files.file[i].path);
            first = false;
        }
    }
    (void)fprintf(out, "]");
}

static void json_bucket(FILE *out, const struct triage *t, uint32_t i)
{
    const struct triage_bucket *b = &t->bucket[i];

    (void)fprintf(out, "%s\n  {", i > 0 ? "," : "");
    cmd_json_pair(out, "kind", b->key.kind, 1);
    cmd_json_pair(out, "clause", b->key.clause, 0);
    cmd_json_pair(out, "side", b->key.side, 0);
    cmd_json_pair(out, "field", b->key.field, 0);
    cmd_json_pair(out, "line", b->key.line, 0);
    cmd_json_pair(out, "detail", b->verdict.detail, 0);
    (void)fprintf(out, ", \"n_inputs\": %" PRIu32 ", \"shrunk\": %s", b->n_files,
                  b->shrunk ? "true" : "false");
    if (b->shrunk) {
        (void)fprintf(out, ", \"deviations\": %" PRIu32 ", \"minimal\": %s", b->n_left,
                      b->minimal ? "true" : "false");
        cmd_json_pair(out, "input", b->out, 0);
    }
    (void)fprintf(out, ", ");
    json_files(out, t, (int)i);
    (void)fprintf(out, "}");
}

void triage_report_json(FILE *out, const struct triage *t)
{
    bool first = true;

    (void)fprintf(out, "{");
    cmd_json_pair(out, "dir", t->dir, 1);
    (void)fprintf(out,
                  ", \"inputs\": %" PRIu32 ", \"findings\": %" PRIu32 ", \"clean\": %" PRIu32
                  ", \"unreadable\": %" PRIu32 ", \"skipped\": %" PRIu32 ",\n \"buckets\": [",
                  t->files.n, n_findings(t), t->n_clean, t->n_unreadable, t->files.n_skipped);
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        json_bucket(out, t, i);
    }
    (void)fprintf(out, "],\n \"cannot_be_run\": [");
    for (uint32_t i = 0; i < t->files.n; i++) { // bound: TRIAGE_FILES_MAX
        const struct triage_file *f = &t->files.file[i];
        if (f->bucket < 0) {
            (void)fprintf(out, "%s{", first ? "" : ", ");
            cmd_json_pair(out, "path", f->path, 1);
            cmd_json_pair(out, "why", f->err, 0);
            (void)fprintf(out, "}");
            first = false;
        }
    }
    (void)fprintf(out, "]}\n");
}
