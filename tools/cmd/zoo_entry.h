// tools/cmd/zoo_entry.h -- the zoo of real bugs as it stands in files: corpus/zoo.
// The format is described in corpus/zoo/README.md.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef ZOO_ENTRY_H
#define ZOO_ENTRY_H

#include "tools/lab/lab_input.h"

#include <stdbool.h>
#include <stdint.h>

#define ZOO_ERR_BYTES 512u
#define ZOO_PATH_BYTES 1024u
#define ZOO_SLUG_BYTES 64u
#define ZOO_MAX 512u // entries, and rows of what is lacking
#define ZOO_SYMPTOMS_MAX 16u
#define ZOO_CLAUSES_MAX 8u
#define ZOO_DEVIATIONS_MAX 8u // of an input that does not say why it has more

// One bug: modelled in a directory, or lacking a feature and a row of lacking.tsv. All texts point
// into data, or into the rows that struct zoo holds.
struct zoo_entry {
    char slug[ZOO_SLUG_BYTES];
    char dir[ZOO_PATH_BYTES]; // corpus/zoo/SLUG under the root; "" if it is lacking
    char *data;               // zoo.conf, cut up
    char err[ZOO_ERR_BYTES];  // not "": what is wrong with the file; nothing else is valid then
    const char *lacks;        // the feature; NULL: modelled
    const char *project;
    const char *reference;
    const char *side;
    const char *class;
    const char *memory;
    const char *summary;
    const char *fuzz; // TARGET and words; NULL if it is lacking
    const char *more; // why there are more than ZOO_DEVIATIONS_MAX deviations, or NULL
    const char *symptom[ZOO_SYMPTOMS_MAX];
    uint32_t n_symptoms;
    uint16_t clause[ZOO_CLAUSES_MAX]; // enum vl_clause
    uint32_t n_clauses;
};

// The modelled entries by slug, then the lacking ones in the order of their rows.
struct zoo {
    char root[ZOO_PATH_BYTES]; // the source tree
    struct zoo_entry *entry;
    uint32_t n;
    uint32_t n_lacking;
    char *rows; // lacking.tsv, cut up
};

// Find the source tree (root, or the first above the executable that has a zoo) and read it all.
// An entry that cannot be read has its err. False with err (ZOO_ERR_BYTES) if there is no zoo, or
// lacking.tsv cannot be read. Ends with zoo_close() in both cases.
bool zoo_open(struct zoo *z, const char *root, char *err);
void zoo_close(struct zoo *z);

// The entry of a slug; NULL if there is none.
const struct zoo_entry *zoo_find(const struct zoo *z, const char *slug);

// The file of an entry; path has room for ZOO_PATH_BYTES. False if the name is too long.
bool zoo_path(const struct zoo_entry *e, const char *file, char *path);

// Do the files of a modelled entry agree with each other and with the format: conf, input (as
// loaded), patch, README? False with err.
bool zoo_entry_check(const struct zoo_entry *e, const struct lab_input *in, char *err);

#endif
