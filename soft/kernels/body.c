/* SPDX-License-Identifier: Apache-2.0 */
/* From a kernel's name to its row in the tables of families. */
#include "body.h"

#include <stdlib.h>

static const struct family *const tables[] = {
    families_elementwise, families_reduce,    families_softmax, families_norm,     families_pool,
    families_copy,        families_select,    families_sort,    families_index,    families_random,
    families_attention,   families_examples,  families_dropout, families_backward, families_attention_backward,
    families_foreach,     families_detection,
};

bool bind_nothing(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)body, (void)name, (void)image;
    return true;
}

int run_nothing(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body, (void)launch;
    return 0;
}

/* "name", or "prefix*". */
static bool family_matches(const struct family *family, struct part name)
{
    size_t n = strlen(family->name);
    if (family->name[n - 1] == '*')
        return name.n >= n - 1 && memcmp(name.text, family->name, n - 1) == 0;
    return part_is(name, family->name);
}

static bool bind(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    const struct family *family = body->family;
    if (image->n_params < family->n_params)
        return false;
    if (family->bind)
        return family->bind(body, name, image);
    body->types[0] = name->n_args ? part_type(name->args[0]) : TYPE_FLOAT;
    return body->types[0] != TYPE_NONE;
}

struct kernel_body *rrto_kernel_body_find(const struct rrto_kernel_image *image)
{
    struct kernel_name name;
    struct kernel_body *body = calloc(1, sizeof *body);
    if (!body)
        return NULL;
    if (!name_parse(image->name, &name))
        return rrto_kernel_body_destroy(body);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct family *family = tables[i]; family->name; family++) {
            if (!family_matches(family, name.family))
                continue;
            *body = (struct kernel_body){.family = family};
            if (bind(body, &name, image)) {
                name_fini(&name);
                return body;
            }
        }
    name_fini(&name);
    return rrto_kernel_body_destroy(body);
}

struct kernel_body *rrto_kernel_body_destroy(struct kernel_body *body)
{
    free(body);
    return NULL;
}

int rrto_kernel_body_run(const struct kernel_body *body, const struct kernel_launch *launch)
{
    return body->family->run(body, launch);
}
