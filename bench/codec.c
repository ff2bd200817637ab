/* SPDX-License-Identifier: Apache-2.0 */
/* codec FOLDER [CASE]: the payload codec on what bench/codec-inputs has written, beside zstd level 1 on the same bytes,
 * in one run on one core. For each case: ratios (of a slot's payloads the last, so with a past where there are several;
 * each is decoded and compared), and times as multiples of zstd's compression. Then the bars, met or not; exit status 1
 * if one is not. */
#include "base/status.h"
#include "compress/payload.h"
#include "compress/zstd.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_BYTES = 1 << 26, ROUNDS = 15, MAX_NAMES = 64, MAX_FRAMES = 16 };

static struct rrto_payload_coder *coder;
static struct rrto_buf zstd_out, coded;

struct result {
    double ratio, zstd_ratio, encode_us, decode_us, zstd_us, unzstd_us, infer_us, first_byte_us;
    struct rrto_payload_model model;
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fail(const char *what, const char *which)
{
    fprintf(stderr, "codec: %s: %s\n", which, what);
    exit(1);
}

static uint8_t *read_file(const char *path, size_t *ret_n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    uint8_t *data = malloc(MAX_BYTES);
    if (!data)
        fail("out of memory", path);
    *ret_n = fread(data, 1, MAX_BYTES, file);
    fclose(file);
    return data;
}

/* One payload into `coded`; how long it took, and how long until there was something to send. */
static void encode(struct rrto_payload_past *past, const struct rrto_payload_model *model, const uint8_t *data,
                   size_t n, double *ret_us, double *ret_first_us)
{
    double start = now_us();
    rrto_buf_clear(&coded);
    rrto_payload_encode(coder, past, model, data, n, &coded);
    if (rrto_payload_encode_chunk(coder, &coded)) {
        *ret_first_us = now_us() - start;
        while (rrto_payload_encode_chunk(coder, &coded))
            ;
    }
    *ret_us = now_us() - start;
}

static double decode(struct rrto_payload_past *past, const uint8_t *data, size_t n, const char *path)
{
    static uint8_t *to;
    if (!to && !(to = malloc(MAX_BYTES)))
        fail("out of memory", path);
    double start = now_us();
    size_t at, used, n_done = 0;
    if (rrto_payload_decode(coder, past, to, n, coded.data, coded.size, &at) != RRTO_OK)
        fail("the head does not decode", path);
    while (n_done < n) {
        if (rrto_payload_decode_chunk(coder, coded.data + at, coded.size - at, &used, &n_done) != RRTO_OK)
            fail("a chunk does not decode", path);
        at += used;
    }
    double us = now_us() - start;
    if (at != coded.size || memcmp(to, data, n) != 0)
        fail("decoded to something else", path);
    return us;
}

static double least(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

/* A payload whose past is `before`, ROUNDS times, in turns with zstd. */
static void measure(struct rrto_payload_past *before, const uint8_t *data, size_t n, const char *path, struct result *r)
{
    for (int round = 0; round < ROUNDS; round++) {
        double us, first_us = 0, start = now_us();
        rrto_buf_clear(&zstd_out);
        if (rrto_zstd_compress(&zstd_out, data, n, 1) != RRTO_OK)
            fail("zstd failed", path);
        r->zstd_us = least(r->zstd_us, now_us() - start);
        size_t n_zstd = zstd_out.size;
        r->zstd_ratio = (double)n / (double)n_zstd;
        start = now_us();
        if (rrto_zstd_decompress(&zstd_out, zstd_out.data, n_zstd, n) != RRTO_OK)
            fail("zstd failed", path);
        r->unzstd_us = least(r->unzstd_us, now_us() - start);
        /* Each round codes from the same palettes, and decodes from them. */
        struct rrto_payload_past past = *before;
        encode(&past, &r->model, data, n, &us, &first_us);
        r->encode_us = least(r->encode_us, us);
        r->first_byte_us = least(r->first_byte_us, first_us);
        past = *before;
        r->decode_us = least(r->decode_us, decode(&past, data, n, path));
    }
    r->ratio = (double)n / (double)coded.size;
}

static void name_frame(char *path, size_t n, const char *folder, const char *name, int frame)
{
    if ((size_t)snprintf(path, n, "%s/%s.%d", folder, name, frame) >= n)
        fail("too long a path", folder);
}

/* bulk: as a payload that comes once, such as weights. */
static struct result run_slot(const char *folder, const char *name, bool bulk)
{
    struct result r = {0};
    struct rrto_payload_past past;
    rrto_payload_past_init(&past, MAX_BYTES);
    for (int frame = 0; frame < MAX_FRAMES; frame++) {
        char path[5000], next[5000];
        name_frame(path, sizeof path, folder, name, frame);
        name_frame(next, sizeof next, folder, name, frame + 1);
        size_t n;
        uint8_t *data = read_file(path, &n);
        if (!data)
            break;
        double us, first_us;
        for (int round = 0; frame == 0 && round < 3; round++) {
            double start = now_us();
            if (bulk)
                rrto_payload_infer_bulk(coder, data, n, &r.model);
            else
                rrto_payload_infer(coder, &past, data, n, &r.model);
            r.infer_us = least(r.infer_us, now_us() - start);
        }
        FILE *more = fopen(next, "rb");
        if (more) {
            fclose(more);
            encode(&past, &r.model, data, n, &us, &first_us);
        } else {
            measure(&past, data, n, path, &r);
        }
        rrto_payload_past_keep(&past, data, n);
        free(data);
    }
    rrto_payload_past_fini(&past);
    return r;
}

struct total {
    double ratio, least_ratio, encode, decode;
};

static const char *model_text(const struct rrto_payload_model *m, char *text, size_t n)
{
    static const char *const HOWS[] = {"raw", "zstd", "planes"}, *const ORDERS[] = {"u", "s", "f"};
    if (m->how != RRTO_PAYLOAD_PLANES)
        return HOWS[m->how];
    snprintf(text, n, "%s%d c%d row %u plane %u/%d band %u%s%s", ORDERS[m->order], m->width * 8, m->channels, m->row,
             m->plane, m->group, m->band, m->palette ? " palette" : "", m->colours ? " colours" : "");
    return text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The slots of a case: files NAME.0. */
static int list(const char *folder, char names[MAX_NAMES][256])
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *entry; dir && n < MAX_NAMES && (entry = readdir(dir)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length < 3 || strcmp(entry->d_name + length - 2, ".0") != 0)
            continue;
        snprintf(names[n++], 256, "%.*s", (int)(length - 2), entry->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(names, (size_t)n, 256, by_name);
    return n;
}

static struct total run_case(const char *inputs, const char *name)
{
    char folder[4096], names[MAX_NAMES][256], text[128];
    struct total total = {.least_ratio = INFINITY};
    snprintf(folder, sizeof folder, "%s/%s", inputs, name);
    int n = list(folder, names);
    if (n == 0)
        fail("no such case; bench/codec-inputs makes them", folder);
    double logs = 0, zstd_logs = 0, encode_us = 0, decode_us = 0, zstd_us = 0;
    for (int i = 0; i < n; i++) {
        struct result r = run_slot(folder, names[i], strcmp(name, "weights") == 0);
        printf("  %-16s %-18s %8.2fx  zstd %8.2fx  code %6.0f us  first %5.0f  decode %6.0f  zstd %6.0f/%5.0f  infer "
               "%6.0f  %s\n",
               name, names[i], r.ratio, r.zstd_ratio, r.encode_us, r.first_byte_us, r.decode_us, r.zstd_us, r.unzstd_us,
               r.infer_us, model_text(&r.model, text, sizeof text));
        logs += log(r.ratio);
        zstd_logs += log(r.zstd_ratio);
        total.least_ratio = fmin(total.least_ratio, r.ratio);
        encode_us += r.encode_us;
        decode_us += r.decode_us;
        zstd_us += r.zstd_us;
    }
    total.ratio = exp(logs / n);
    total.encode = encode_us / zstd_us;
    total.decode = decode_us / zstd_us;
    printf("%-18s mean %6.2fx, least %6.2fx (zstd -1: %5.2fx); coding %.2f, decoding %.2f of zstd's coding\n", name,
           total.ratio, total.least_ratio, exp(zstd_logs / n), total.encode, total.decode);
    return total;
}

static int n_missed;

static void bar(const char *what, double value, const char *relation, double limit)
{
    bool met = relation[0] == '<' ? value <= limit : value >= limit;
    n_missed += !met;
    printf("%-7s %s: %.4g %s %.4g\n", met ? "met" : "MISSED", what, value, relation, limit);
}

static void run_bars(const char *inputs)
{
    struct total photos = run_case(inputs, "float32-nchw"), u8 = run_case(inputs, "uint8-nhwc"),
                 f16 = run_case(inputs, "float16-nchw"), still = run_case(inputs, "static-noise1"),
                 pan = run_case(inputs, "pan"), floats = run_case(inputs, "float32-resized"), other;
    static const char *const MORE[] = {"photos-in-turn", "float32-nhwc",  "float32-0to1", "uint8-nchw",
                                       "static-noise0",  "static-noise4", "batch-of-4",   "large-nchw"};
    for (size_t i = 0; i < sizeof MORE / sizeof MORE[0]; i++)
        run_case(inputs, MORE[i]);
    other = run_case(inputs, "other");
    run_case(inputs, "weights");
    bar("float32 NCHW photographs, geometric mean", photos.ratio, ">=", 6.5);
    bar("float32 NCHW photographs, each", photos.least_ratio, ">=", 5);
    bar("float32 NCHW photographs, coding in times of zstd -1", photos.encode, "<=", 1.2);
    bar("float32 NCHW photographs, decoding in times of zstd -1", photos.decode, "<=", 1.2);
    bar("uint8 NHWC photographs, geometric mean", u8.ratio, ">=", 1.8);
    bar("float16 NCHW photographs, geometric mean", f16.ratio, ">=", 3);
    bar("static camera, noise 1, geometric mean", still.ratio, ">=", 9);
    bar("pan beside the still image", pan.ratio / photos.ratio, ">=", 1);
    bar("resized in float, geometric mean", floats.ratio, ">=", 1.2);
    bar("incompressible (the least of all)", other.least_ratio, ">=", 1 / 1.001);
}

int main(int argc, char **argv)
{
    char inputs[2048];
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    snprintf(inputs, sizeof inputs, "%s%s/rrto/codec-inputs", cache ? cache : home ? home : "", cache ? "" : "/.cache");
    if (argc > 1)
        snprintf(inputs, sizeof inputs, "%s", argv[1]);
    DIR *dir = opendir(inputs);
    if (!dir) {
        printf("codec: no inputs in %s: `$(make -s python) bench/codec-inputs FOLDER` makes them\n", inputs);
        return 0;
    }
    closedir(dir);
    coder = rrto_payload_coder_create();
    rrto_buf_init(&zstd_out, 3u * MAX_BYTES);
    rrto_buf_init(&coded, 2u * MAX_BYTES);
    if (!coder || !rrto_buf_reserve(&zstd_out, 1 << 25) || !rrto_buf_reserve(&coded, 1 << 25))
        fail("out of memory", inputs);
    if (argc > 2)
        run_case(inputs, argv[2]);
    else
        run_bars(inputs);
    rrto_payload_coder_destroy(coder);
    rrto_buf_fini(&zstd_out);
    rrto_buf_fini(&coded);
    return n_missed ? 1 : 0;
}
