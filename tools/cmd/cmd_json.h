// tools/cmd/cmd_json.h -- texts in JSON.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_JSON_H
#define CMD_JSON_H

#include <stdio.h>

// A text as a JSON string, with its quotes. What is no UTF-8, byte by byte, is written as U+FFFD.
void cmd_json_text(FILE *out, const char *text);

// "key": "text", with a comma and a blank before it unless first.
void cmd_json_pair(FILE *out, const char *key, const char *text, int first);

#endif
