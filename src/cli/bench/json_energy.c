/* SPDX-License-Identifier: Apache-2.0 */
/* The joules in the JSON file. */
#include "cli/bench/json.h"
#include "cli/bench/summary.h"

static json_t *profile(const struct rrto_bench *bench)
{
    const struct rrto_energy_profile *from = &bench->profile;
    if (!bench->has_profile)
        return json_null();
    json_t *object = json_object(), *states = json_object();
    for (int i = 0; i < RRTO_ENERGY_STATES; i++)
        json_object_set_new(states, rrto_energy_state_name((enum rrto_energy_state)i),
                            json_pack("{s:f, s:s, s:s}", "watts", from->states[i].watts, "origin",
                                      rrto_energy_origin_name(from->states[i].origin), "source",
                                      from->states[i].source));
    json_object_set_new(object, "name", json_string(bench->options.profile));
    json_object_set_new(object, "device", json_string(from->device));
    json_object_set_new(object, "states", states);
    return object;
}

static json_t *meter(const struct rrto_bench *bench, enum rrto_bench_side side)
{
    const struct rrto_bench_meter *from = &bench->meters[side];
    const char *why_not = rrto_bench_energy_why_not(bench, side);
    json_t *object = json_pack("{s:n, s:n, s:n, s:n, s:o}", "sensor", "caveat", "period_s", "idle_w", "why_not",
                               why_not ? json_string(why_not) : json_null());
    if (from->sensor) {
        json_object_set_new(object, "sensor", json_string(rrto_energy_sensor_name(from->sensor)));
        json_object_set_new(object, "caveat", json_string(rrto_energy_sensor_caveat(from->sensor)));
        json_object_set_new(object, "period_s", json_real(1e-9 * (double)rrto_energy_sensor_period_ns(from->sensor)));
        json_object_set_new(object, "idle_w", json_real(from->idle_watts));
    }
    if (side == RRTO_BENCH_CLIENT)
        json_object_set_new(object, "saw_server", json_boolean(from->sensor && !bench->options.server));
    return object;
}

json_t *rrto_bench_json_energy_basis(const struct rrto_bench *bench)
{
    return json_pack("{s:o, s:o, s:o}", "profile", profile(bench), "client", meter(bench, RRTO_BENCH_CLIENT), "server",
                     meter(bench, RRTO_BENCH_SERVER));
}

static json_t *modelled(const struct rrto_bench_energy *energy)
{
    if (!energy->modelled.known)
        return json_null();
    json_t *object = json_object(), *shares = json_object();
    json_object_set_new(object, "mean", rrto_bench_json_estimate(energy->modelled.mean));
    json_object_set_new(object, "net_mean", rrto_bench_json_estimate(energy->modelled.net));
    for (int i = 0; i < RRTO_BENCH_N_QUANTILES; i++)
        json_object_set_new(object, rrto_bench_quantile_names[i],
                            rrto_bench_json_estimate(energy->modelled.quantiles[i]));
    for (int i = 0; i < RRTO_ENERGY_ORIGINS; i++)
        json_object_set_new(shares, rrto_energy_origin_name((enum rrto_energy_origin)i),
                            json_real(energy->modelled.shares[i]));
    json_object_set_new(object, "share", shares);
    return object;
}

static json_t *measured(const struct rrto_bench_energy *energy, enum rrto_bench_side side)
{
    if (!energy->measured[side].known)
        return json_null();
    return json_pack("{s:o, s:o, s:f, s:I}", "mean", rrto_bench_json_estimate(energy->measured[side].mean), "net_mean",
                     rrto_bench_json_estimate(energy->measured[side].net), "window_s", energy->measured[side].seconds,
                     "samples", (json_int_t)energy->measured[side].n_samples);
}

static json_t *ratios(const struct rrto_bench *bench, const struct rrto_bench_result *result, bool from_model)
{
    json_t *object = json_object();
    for (size_t i = 0; i < bench->options.n_modes; i++) {
        const struct rrto_bench_result *to = &bench->results[i];
        if (to != result)
            json_object_set_new(object, to->mode->name,
                                rrto_bench_json_estimate(from_model ? rrto_bench_modelled_ratio(bench, result, to)
                                                                    : rrto_bench_measured_ratio(result, to)));
    }
    return object;
}

json_t *rrto_bench_json_energy(const struct rrto_bench *bench, const struct rrto_bench_result *result,
                               const struct rrto_bench_energy *energy)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "client_modelled", modelled(energy), "client_measured",
                     measured(energy, RRTO_BENCH_CLIENT), "server_measured", measured(energy, RRTO_BENCH_SERVER),
                     "client_modelled_p50_ratio_to", ratios(bench, result, true), "client_measured_mean_ratio_to",
                     ratios(bench, result, false));
}

static json_t *window(const struct rrto_bench *bench, const struct rrto_bench_run *run, enum rrto_bench_side side)
{
    const struct rrto_bench_window *from = &run->windows[side];
    if (!from->known || !rrto_bench_sees(bench, side))
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:I, s:I}", "joules", from->joules, "net_joules", from->net_joules, "window_s",
                     from->seconds, "inferences", (json_int_t)from->n_inferences, "samples",
                     (json_int_t)from->n_samples);
}

void rrto_bench_json_add_round_energy(json_t *round, const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                                      const struct rrto_bench_run *run)
{
    json_t *joules = json_array();
    for (size_t i = 0; i < run->n; i++) {
        double net, value = rrto_bench_joules(bench, mode, run, i, &net);
        if (value >= 0)
            json_array_append_new(joules, json_real(value));
    }
    json_object_set_new(round, "client_modelled_j", joules);
    json_object_set_new(round, "client_measured", window(bench, run, RRTO_BENCH_CLIENT));
    json_object_set_new(round, "server_measured", window(bench, run, RRTO_BENCH_SERVER));
}
