/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry is chosen, what a mini fat binary holds, what a damaged one does. */
#include "images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void selects(void **state)
{
    (void)state;
    struct rrto_buf fatbin;
    rrto_buf_init(&fatbin, 1 << 20);
    fatbin_begin(&fatbin);
    static const uint32_t capabilities[] = {75, 80, 86, 90};
    for (int i = 0; i < 4; i++)
        fatbin_add(&fatbin, 2, capabilities[i], RRTO_FATBIN_ZSTD, "machine code", 12);
    fatbin_add(&fatbin, 9, 80, RRTO_FATBIN_PLAIN, "unknown kind", 12);
    fatbin_add(&fatbin, 1, 52, RRTO_FATBIN_PLAIN, "// old", 6);
    fatbin_add(&fatbin, 1, 70, RRTO_FATBIN_PLAIN, "// new", 6);
    fatbin_end(&fatbin);
    static const struct {
        uint32_t device, chosen;
        enum rrto_image_kind kind;
    } cases[] = {{80, 80, RRTO_IMAGE_CUBIN}, {89, 86, RRTO_IMAGE_CUBIN}, {87, 86, RRTO_IMAGE_CUBIN},
                 {75, 75, RRTO_IMAGE_CUBIN}, {90, 90, RRTO_IMAGE_CUBIN}, {100, 70, RRTO_IMAGE_PTX},
                 {72, 70, RRTO_IMAGE_PTX},   {61, 52, RRTO_IMAGE_PTX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rrto_fatbin_entry entry;
        assert_int_equal(rrto_fatbin_select(fatbin.data, fatbin.size, cases[i].device, &entry), RRTO_OK);
        assert_int_equal(entry.capability, cases[i].chosen);
        assert_int_equal(entry.kind, cases[i].kind);
    }
    struct rrto_fatbin_entry entry;
    assert_int_equal(rrto_fatbin_select(fatbin.data, fatbin.size, 50, &entry), RRTO_NOT_FOUND);
    struct rrto_fatbin_wrapper wrapper = {RRTO_FATBIN_WRAPPER_MAGIC, 1, fatbin.data, NULL};
    const void *start;
    assert_int_equal(rrto_image_bytes(&wrapper, &start), fatbin.size);
    assert_ptr_equal(start, fatbin.data);
    rrto_buf_fini(&fatbin);
}

static void mini_fatbin_holds_the_entry(void **state)
{
    (void)state;
    struct rrto_buf cubin;
    rrto_buf_init(&cubin, 1 << 20);
    make_cubin(&cubin);
    for (int packing = RRTO_FATBIN_PLAIN; packing <= RRTO_FATBIN_ZSTD; packing++) {
        struct rrto_buf fatbin, mini;
        rrto_buf_init(&fatbin, 1 << 20);
        rrto_buf_init(&mini, 1 << 20);
        fatbin_begin(&fatbin);
        fatbin_add(&fatbin, 2, 75, RRTO_FATBIN_PLAIN, "x", 1);
        fatbin_add(&fatbin, 2, 80, (enum rrto_fatbin_packing)packing, cubin.data, cubin.size);
        fatbin_end(&fatbin);
        struct rrto_fatbin_entry entry;
        assert_int_equal(rrto_fatbin_select(fatbin.data, fatbin.size, 80, &entry), RRTO_OK);
        assert_int_equal(rrto_fatbin_build(&entry, &mini), RRTO_OK);
        assert_true(mini.size < fatbin.size);
        assert_int_equal(rrto_fatbin_select(mini.data, mini.size, 80, &entry), RRTO_OK);
        uint8_t *image;
        size_t n;
        assert_int_equal(rrto_fatbin_decompress(&entry, 100, &image, &n), RRTO_TOO_LARGE);
        assert_int_equal(rrto_fatbin_decompress(&entry, 1 << 20, &image, &n), RRTO_OK);
        assert_true(n >= cubin.size); /* a plain entry keeps its padding */
        assert_memory_equal(image, cubin.data, cubin.size);
        free(image);
        struct rrto_module_image *module;
        assert_int_equal(rrto_module_parse(mini.data, mini.size, &module), RRTO_OK);
        assert_int_equal(module->n_kernels, 2);
        rrto_module_destroy(module);
        rrto_buf_fini(&mini);
        rrto_buf_fini(&fatbin);
    }
    rrto_buf_fini(&cubin);
}

/* Truncated at every byte, and every bit flipped: no crash, no read outside (the copy is exact, so that the sanitizer
 * sees it). */
static void damaged(void **state)
{
    (void)state;
    struct rrto_buf cubin, fatbin;
    rrto_buf_init(&cubin, 1 << 20);
    rrto_buf_init(&fatbin, 1 << 20);
    make_cubin(&cubin);
    fatbin_begin(&fatbin);
    fatbin_add(&fatbin, 2, 80, RRTO_FATBIN_LZ4, cubin.data, cubin.size);
    fatbin_end(&fatbin);
    const struct rrto_buf *images[] = {&cubin, &fatbin};
    for (int which = 0; which < 2; which++) {
        for (size_t n = 0; n < images[which]->size; n++) {
            uint8_t *copy = malloc(n ? n : 1);
            memcpy(copy, images[which]->data, n);
            struct rrto_module_image *module = NULL;
            if (rrto_module_parse(copy, n, &module) == RRTO_OK)
                rrto_module_destroy(module);
            else
                assert_null(module);
            if (which == 1)
                assert_null(module);
            free(copy);
        }
        for (size_t bit = 0; bit < images[which]->size * 8; bit++) {
            images[which]->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct rrto_module_image *module;
            if (rrto_module_parse_data(images[which]->data, images[which]->size, true, &module) == RRTO_OK)
                rrto_module_destroy(module);
            images[which]->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    rrto_buf_fini(&fatbin);
    rrto_buf_fini(&cubin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects),
        cmocka_unit_test(mini_fatbin_holds_the_entry),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
