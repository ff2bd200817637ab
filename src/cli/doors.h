/* SPDX-License-Identifier: Apache-2.0 */
/* Where the libraries that are preloaded stand, relative to this program: ../lib/rrto. */
#ifndef RRTO_CLI_DOORS_H
#define RRTO_CLI_DOORS_H

#include <stdbool.h>
#include <stddef.h>

enum { RRTO_DOORS_MAX_BYTES = 16384 };

/* What is preloaded: the doors, named after the libraries whose place they take, and the dlopen wrapper.
 * NULL-terminated. */
extern const char *const rrto_doors_names[];

/* The folder lib/rrto (no trailing slash) and the program beside this one. False: the path is too long or cannot be
 * found. */
bool rrto_doors_folder(char *out, size_t n_out);
bool rrto_doors_program(const char *name, char *out, size_t n_out);
/* The folder share/rrto/NAME: links, profiles. */
bool rrto_doors_share(const char *name, char *out, size_t n_out);

/* The value of LD_PRELOAD: absolute paths of all doors, colon-separated. existing (may be NULL) is kept behind them.
 * False when a file is missing or its path cannot stand in LD_PRELOAD; ret_why gets one sentence. */
bool rrto_doors_preload(const char *existing, char *out, size_t n_out, char *ret_why, size_t n_why);
/* The value of LD_LIBRARY_PATH: the folder of fallback stubs, then existing (may be NULL). */
bool rrto_doors_library_path(const char *existing, char *out, size_t n_out);

#endif
