/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a model: guesses from what the words look like (structure.h), each tried on a part from the middle of the
 * payload; what codes it shortest is the model, and of nearly equal ones the simpler. */
#include "compress/coder.h"
#include "compress/structure.h"

enum {
    TRIAL_BYTES = 1 << 16, /* of the payload, in each trial */
    TRIAL_BANDS = 9,       /* from about so many places, */
    TRIAL_ROWS = 8,        /* rows at each */
    BAND_BYTES = 1 << 16,  /* of a chunk, where planes do not decide */
    SMALLEST_BYTES = 256,  /* below, nothing is worth a model */
    CUTS = 4,
    BULK_BYTES = 1 << 15, /* of what comes once, in each trial, */
    BULK_BANDS = 4,       /* from so many places */
    MARGIN = 64           /* a model that is not simpler has to be better by one part in so many */
};

#define ALL_PREDICTORS ((uint8_t)((1u << RRTO_PREDICTORS) - 1))

struct trials {
    struct rrto_payload_coder *coder;
    struct rrto_payload_past *past;
    const uint8_t *data;
    size_t n;
    uint32_t band_bytes; /* of a band in a trial, */
    uint32_t n_bytes;    /* and of all of them */
    struct rrto_payload_model best;
    uint64_t best_cost; /* coded bytes in 1/65536 of the payload's bytes */
};

/* Codes some bands, as many of each plane of the group in the middle, with palettes of their own. A palette is paid for
 * once in a plane, so it counts in proportion. */
static uint64_t cost_of(struct trials *trials, const struct rrto_payload_model *model)
{
    struct rrto_payload_coder *coder = trials->coder;
    struct rrto_payload_model trial = *model;
    rrto_payload_model_clean(&trial);
    trial.band = trials->band_bytes / trial.width;
    rrto_payload_model_clean(&trial);
    rrto_payload_begin(coder, trials->past, &trial, trials->n);
    coder->kept = coder->own;
    coder->data = trials->data;
    size_t plane = (size_t)trial.plane * trial.width, group = plane * trial.group, band = trial.band * trial.width;
    if (plane == 0 || group > trials->n)
        plane = group = trials->n;
    size_t middle = trials->n / group / 2 * group, coded = 0, palettes = 0;
    size_t n_bands = trials->n_bytes / band / trial.group;
    if (n_bands > (plane + band - 1) / band)
        n_bands = (plane + band - 1) / band;
    if (n_bands == 0)
        n_bands = 1;
    for (size_t i = 0; i < n_bands; i++) {
        struct rrto_chunk_place place;
        coder->group_at = middle;
        coder->band_at = plane * (2 * i + 1) / (2 * n_bands) / band * band;
        for (unsigned k = 0; k < trial.group && rrto_payload_place(coder, &place); k++) {
            coded += rrto_payload_trial(coder);
            palettes += coder->palette_bytes;
        }
    }
    if (coder->n_done == 0)
        return UINT64_MAX;
    size_t n_in_plane = coder->n_done / trial.group;
    palettes = n_in_plane < plane ? (size_t)((uint64_t)palettes * n_in_plane / plane) : palettes;
    return ((uint64_t)(coded + palettes) << 16) / coder->n_done;
}

/* cost must be clearly better when the model is no simpler than the best one so far. */
static bool try_model(struct trials *trials, const struct rrto_payload_model *model)
{
    uint64_t cost = cost_of(trials, model);
    if (cost >= trials->best_cost - trials->best_cost / MARGIN)
        return false;
    trials->best = *model;
    trials->best_cost = cost;
    return true;
}

static uint32_t band_of(const struct rrto_payload_model *model)
{
    if (model->plane && (size_t)model->plane * model->width <= RRTO_PAYLOAD_CHUNK_BYTES)
        return model->plane;
    return BAND_BYTES / model->width;
}

static bool try_planes(struct trials *trials, struct rrto_payload_model model, uint32_t n_planes)
{
    size_t n_words = trials->n / model.width;
    if (n_planes > 1 && n_words / n_planes <= UINT32_MAX) {
        model.plane = (uint32_t)(n_words / n_planes);
        model.group = (uint8_t)(n_planes % 3 == 0 ? 3 : n_planes <= 4 ? n_planes : 1);
    }
    model.colours = model.channels > 1 || model.group > 1;
    return try_model(trials, &model);
}

/* The ways to cut a model's words into planes: none, those that are alike, those that have few different words. */
static bool try_cuts(struct trials *trials, struct rrto_payload_model model, struct rrto_words words, uint32_t alike)
{
    struct rrto_payload_coder *coder = trials->coder;
    uint32_t unit = model.row && words.n % model.row == 0 ? model.row : model.channels;
    uint32_t few =
        model.width == 1 ? 0 : rrto_structure_palettes(words, model.channels, unit, 1, coder->bytes, &coder->index);
    model.palette = few > 0;
    uint32_t cuts[CUTS] = {few, alike};
    if (words.n % (3 * (size_t)unit) == 0 && model.row && model.channels == 1)
        cuts[2] = 3;
    /* Dark images have few words, and a plane and a half of one may pass for a plane. */
    if (few == 2)
        cuts[3] = rrto_structure_palettes(words, model.channels, unit, 3, coder->bytes, &coder->index);
    bool better = try_planes(trials, model, few);
    for (unsigned i = 1; i < CUTS; i++) {
        bool again = cuts[i] <= 1;
        for (unsigned k = 0; k < i; k++)
            again |= cuts[k] == cuts[i];
        if (!again)
            better |= try_planes(trials, model, cuts[i]);
    }
    return better;
}

static void try_words(struct trials *trials, unsigned width, unsigned order)
{
    struct rrto_words words = {trials->data, width, trials->n / width, width, order};
    struct rrto_payload_model model = {.how = RRTO_PAYLOAD_PLANES, .width = (uint8_t)width, .order = (uint8_t)order};
    struct rrto_structure found;
    rrto_structure_find(words, trials->coder->bytes, &found);
    trials->band_bytes = TRIAL_BYTES / TRIAL_BANDS;
    if (trials->band_bytes < TRIAL_ROWS * found.row[0] * width)
        trials->band_bytes = TRIAL_ROWS * found.row[0] * width;
    model.predictors = ALL_PREDICTORS;
    model.channels = (uint8_t)found.channels;
    try_cuts(trials, model, words, 1);
    bool better = false;
    for (unsigned i = 0; i < RRTO_STRUCTURE_ROWS && found.row[i] && !better; i++) {
        model.row = found.row[i];
        model.channels = (uint8_t)found.channels;
        if (model.row % found.channels == 0)
            better |= try_cuts(trials, model, words, found.channels == 1 ? found.planes : 1);
        model.channels = 1;
        if (found.channels > 1)
            better |= try_cuts(trials, model, words, found.planes);
    }
}

/* Few different words, and as much saved as their width lets expect: no other width will do better. */
static bool good_palette(const struct trials *trials)
{
    return trials->best.palette && trials->best_cost * trials->best.width < 3 << 15; /* less than 1.5 of the bytes */
}

void rrto_payload_infer(struct rrto_payload_coder *coder, struct rrto_payload_past *past, const void *data, size_t n,
                        struct rrto_payload_model *ret_model)
{
    struct trials trials = {.coder = coder,
                            .past = past,
                            .data = data,
                            .n = n,
                            .band_bytes = TRIAL_BYTES / TRIAL_BANDS,
                            .n_bytes = TRIAL_BYTES,
                            .best_cost = 1 << 16};
    trials.best = (struct rrto_payload_model){.how = RRTO_PAYLOAD_RAW};
    if (n >= SMALLEST_BYTES) {
        struct rrto_payload_model model = {.how = RRTO_PAYLOAD_ZSTD};
        try_model(&trials, &model);
        for (unsigned width = 4; width > 0 && !good_palette(&trials); width /= 2)
            try_words(&trials, width, width == 1 ? RRTO_ORDER_UNSIGNED : RRTO_ORDER_FLOAT);
        /* Of signed numbers, or of whole ones, only the order is another. */
        model = trials.best;
        if (model.how == RRTO_PAYLOAD_PLANES) {
            model.order = RRTO_ORDER_SIGNED;
            try_model(&trials, &model);
        }
    }
    rrto_payload_model_clean(&trials.best);
    trials.best.band = band_of(&trials.best);
    rrto_payload_model_clean(&trials.best);
    *ret_model = trials.best;
}

void rrto_payload_infer_bulk(struct rrto_payload_coder *coder, const void *data, size_t n,
                             struct rrto_payload_model *ret_model)
{
    struct trials trials = {.coder = coder,
                            .data = data,
                            .n = n,
                            .band_bytes = BULK_BYTES / BULK_BANDS,
                            .n_bytes = BULK_BYTES,
                            .best_cost = 1 << 16};
    struct rrto_payload_model model = {.how = RRTO_PAYLOAD_ZSTD};
    trials.best = (struct rrto_payload_model){.how = RRTO_PAYLOAD_RAW};
    if (n >= SMALLEST_BYTES) {
        try_model(&trials, &model);
        model = (struct rrto_payload_model){
            .how = RRTO_PAYLOAD_PLANES, .channels = 1, .predictors = 1u << RRTO_PREDICT_NONE};
        for (model.width = 4; model.width > 0; model.width /= 2)
            try_model(&trials, &model);
    }
    rrto_payload_model_clean(&trials.best);
    trials.best.band = (uint32_t)BAND_BYTES / trials.best.width;
    rrto_payload_model_clean(&trials.best);
    *ret_model = trials.best;
}
