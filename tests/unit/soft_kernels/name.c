/* SPDX-License-Identifier: Apache-2.0 */
/* Names of both PyTorch versions' shapes are taken apart alike. */
#include "kernels/name.h"
#include "kernels/kernels.h"
#include "launcher.h"

#include <stdlib.h>

static struct part part(const char *text)
{
    return (struct part){text, strlen(text)};
}

static void parsed(void **state)
{
    (void)state;
    struct kernel_name name;
    assert_true(name_parse(CLAMP.name, &name));
    assert_true(part_is(name.family, "vectorized_elementwise_kernel"));
    assert_int_equal(name.n_args, 3);
    assert_int_equal(part_number(name.args[0], 0), 4);
    assert_true(part_is(part_base(name.args[1]), "launch_clamp_scalar"));
    struct part parameters[4];
    assert_int_equal(part_lambda(name.args[1], parameters, 4), 1);
    assert_int_equal(part_type(parameters[0]), TYPE_FLOAT);
    assert_int_equal(part_lambda_number(name.args[1], 0), 1);
    assert_int_equal(part_lambda_number(name.args[1], 1), 7);
    assert_int_equal(part_lambda_number(name.args[1], 2), 0);
    assert_int_equal(part_own_number(name.args[1]), 1);
    name_fini(&name);
    assert_true(name_parse("vector_add", &name));
    assert_true(part_is(name.family, "vector_add"));
    assert_int_equal(name.n_args, 0);
    name_fini(&name);
    assert_false(name_parse("_Znonsense(", &name));
}

static void parts(void **state)
{
    (void)state;
    struct part arguments[4];
    struct part functor = part("BinaryFunctor<float, std::pair<int, long>, bool, binary_internal::MulFunctor<float> >");
    assert_int_equal(part_template(functor, arguments, 4), 4);
    assert_true(part_is(arguments[1], "std::pair<int, long>"));
    assert_true(part_is(part_base(arguments[3]), "MulFunctor"));
    assert_int_equal(part_type(part("float const")), TYPE_FLOAT);
    assert_int_equal(part_type(part("c10::complex<float>")), TYPE_NONE);
    assert_int_equal(part_number(part("3ul"), 0), 3);
    assert_int_equal(part_number(part("-1"), 0), -1);
    assert_int_equal(part_number(part("true"), 0), 1);
    assert_int_equal(part_number(part("float"), 77), 77);
    assert_int_equal(part_lambda(part("f(int)::{lambda(long, {lambda(int)#2})#4}"), arguments, 4), 2);
    assert_int_equal(part_own_number(part("f(int)::{lambda(long)#4}")), 4);
    /* Unbalanced brackets end somewhere inside. */
    assert_int_equal(part_template(part("f<a, b<c"), arguments, 4), 2);
}

static void refused(void **state)
{
    (void)state;
    static const uint32_t offsets[8], sizes[8] = {4, 4, 24, 8, 8, 8, 8, 8};
    static const char *const names[] = {
        "unknown_kernel", "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_7UnknownIfEESt5arrayIPcLm3EEEEviT0_T1_",
        "",
        /* three pointers for a functor of one input */
        "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_10AbsFunctorIfEESt5arrayIPcLm3EEEEviT0_T1_"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct rrto_kernel_image image = {.name = names[i], .n_params = 8, .offsets = offsets, .sizes = sizes};
        assert_null(rrto_kernel_body_find(&image));
    }
    struct rrto_kernel_image image = {.name = ADD.name, .n_params = 1, .offsets = offsets, .sizes = sizes};
    assert_null(rrto_kernel_body_find(&image)); /* too few parameters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parsed), cmocka_unit_test(parts), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
