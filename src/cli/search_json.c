/* SPDX-License-Identifier: Apache-2.0 */
/* rrto search's figures for programs. */
#include "cli/search.h"
#include "report/json.h"

#include <unistd.h>

static void put_sums(struct rrto_json *json, const struct rrto_rehearsal_sums *sums)
{
    rrto_json_number(json, "ops", sums->ops);
    rrto_json_number(json, "predicted", sums->predicted);
    rrto_json_number(json, "jumps", sums->jumps);
    rrto_json_number(json, "literals", sums->literals);
    rrto_json_number(json, "patched", sums->patched);
    rrto_json_number(json, "changed_bytes", sums->changed_bytes);
    rrto_json_number(json, "records", sums->records);
    rrto_json_number(json, "op_bytes", sums->op_bytes);
    rrto_json_number(json, "waits", sums->waits);
    rrto_json_number(json, "payload_up", sums->payload_up);
}

bool rrto_search_put_json(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    const struct rrto_seq_sequence *rows[RRTO_SEQ_SEQUENCES];
    unsigned n = rrto_search_sequences(result, rows);
    struct rrto_rehearsal_sums sums;
    struct rrto_json json;
    rrto_json_init(&json, STDOUT_FILENO);
    rrto_json_open(&json, NULL, '{');
    rrto_json_string(&json, "file", search->path);
    rrto_json_string(&json, "search", search->baseline ? "baseline" : "client");
    put_sums(&json, &result->all);
    rrto_json_number(&json, "as_traced", result->all.as_traced);
    rrto_json_number(&json, "covered", result->covered);
    rrto_json_number(&json, "lanes", result->n_lanes);
    rrto_json_number(&json, "no_literal_from", rrto_search_settled(result, false));
    rrto_json_number(&json, "all_predicted_from", rrto_search_settled(result, true));
    rrto_json_open(&json, "steady", '{');
    rrto_json_number(&json, "from", search->from);
    rrto_json_number(&json, "inferences", rrto_search_sum(result, search->from, &sums));
    put_sums(&json, &sums);
    rrto_json_close(&json, '}');
    rrto_json_open(&json, "inferences", '[');
    for (uint64_t i = 0; i < result->n_inferences; i++) {
        rrto_json_open(&json, NULL, '{');
        put_sums(&json, &result->inferences[i].sums);
        rrto_json_number(&json, "sequence", rrto_search_number(search, result->inferences[i].sequence));
        rrto_json_close(&json, '}');
    }
    rrto_json_close(&json, ']');
    rrto_json_open(&json, "sequences", '[');
    for (unsigned i = 0; i < n; i++) {
        rrto_json_open(&json, NULL, '{');
        rrto_json_number(&json, "sequence", rrto_search_number(search, rows[i]->id));
        rrto_json_number(&json, "ops", rows[i]->ops);
        rrto_json_number(&json, "first_inference", rows[i]->first_inference + 1);
        rrto_json_number(&json, "hits", rows[i]->hits);
        rrto_json_number(&json, "deviations", rows[i]->deviations);
        rrto_json_close(&json, '}');
    }
    rrto_json_close(&json, ']');
    rrto_json_open(&json, "cost", '{');
    rrto_json_decimal(&json, "ns_per_op", search->cost.ps_per_op, 3);
    rrto_json_decimal(&json, "first_ns_per_op", search->cost.first_ps_per_op, 3);
    rrto_json_number(&json, "ops", search->cost.ops);
    rrto_json_number(&json, "passes", search->cost.passes);
    rrto_json_number(&json, "resident_bytes", search->cost.resident_bytes);
    rrto_json_close(&json, '}');
    rrto_json_close(&json, '}');
    return rrto_json_finish(&json);
}
