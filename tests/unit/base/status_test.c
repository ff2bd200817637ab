/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the source file of the same name in src/base. */
#include "base/status.h"
#include "base/version.h"

#include "../test.h"

#include <string.h>

static void every_status_has_a_name_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(rrto_status_name(RRTO_IO), "RRTO_IO");
    assert_string_equal(rrto_status_text(RRTO_OK), "success");
    for (int status = -13; status <= 0; status++) {
        assert_string_not_equal(rrto_status_name(status), "RRTO_UNKNOWN");
        assert_true(strlen(rrto_status_text(status)) > 3);
    }
    assert_string_equal(rrto_status_name(77), "RRTO_UNKNOWN");
}

static void the_build_id_fits_the_hello(void **state)
{
    (void)state;
    assert_in_range(strlen(rrto_build_id()), 1, 15);
    assert_in_range(strlen(rrto_version()), 5, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_and_a_text),
        cmocka_unit_test(the_build_id_fits_the_hello),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
