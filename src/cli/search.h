/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of rrto search share: a rehearsal and what was asked for. */
#ifndef RRTO_CLI_SEARCH_H
#define RRTO_CLI_SEARCH_H

#include "base/map.h"
#include "cli/rehearsal.h"

struct search {
    const char *path;
    bool all, json, baseline, where;
    uint64_t from, log_bytes, frame_bytes;
    struct rrto_rehearsal_run *run;
    const struct rrto_rehearsal *result;
    struct rrto_rehearsal_cost cost;
    struct rrto_map numbers; /* sequence id -> number, in order of appearance */
};

/* Number of an inference's sequence; 0: not known. */
uint64_t rrto_search_number(const struct search *search, uint64_t id);
/* Sums over the inferences from number `from` on; returns how many these are. */
uint64_t rrto_search_sum(const struct rrto_rehearsal *result, uint64_t from, struct rrto_rehearsal_sums *ret_sums);
/* From which inference on (counted from 1) no op is literal, or also none is found by a jump; 0: never. */
uint64_t rrto_search_settled(const struct rrto_rehearsal *result, bool no_jumps);
/* The sequences' rows that are in use, those that save most first; `out` has room for RRTO_SEQ_SEQUENCES. */
unsigned rrto_search_sequences(const struct rrto_rehearsal *result, const struct rrto_seq_sequence **out);

void rrto_search_print(const struct search *search);       /* for people */
bool rrto_search_put_json(const struct search *search);    /* false: it could not be written */
bool rrto_search_print_where(const struct search *search); /* false: memory is short */

#endif
