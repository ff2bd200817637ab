/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: columns line up, empty ones are left out, nothing overflows. */
#include "../test.h"

#include "cli/bench/grid.h"

#include <string.h>

static struct rrto_grid grid;

static const char *printed(bool markdown)
{
    static char text[4000];
    FILE *file = tmpfile();
    rrto_grid_print(&grid, file, markdown);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void test_layout(void **state)
{
    (void)state;
    memset(&grid, 0, sizeof grid);
    rrto_grid_cell(&grid, "before any row");
    static const char *const rows[][4] = {
        {"mode", "µs", "nothing", "n"}, {"a", "1.25", "", "7"}, {"longer", "", "", "12"}};
    for (size_t i = 0; i < 3; i++) {
        rrto_grid_row(&grid);
        for (size_t k = 0; k < 4; k++)
            rrto_grid_cell(&grid, "%s", rows[i][k]);
    }
    assert_string_equal(printed(false), "mode      µs   n\n"
                                        "a       1.25   7\n"
                                        "longer        12\n");
    assert_string_equal(printed(true), "| mode   |   µs |  n |\n"
                                       "|---|---:|---:|\n"
                                       "| a      | 1.25 |  7 |\n"
                                       "| longer |      | 12 |\n");
}

static void test_full(void **state)
{
    (void)state;
    memset(&grid, 0, sizeof grid);
    for (int i = 0; i < 2 * RRTO_GRID_ROWS; i++) {
        rrto_grid_row(&grid);
        for (int k = 0; k < 2 * RRTO_GRID_COLUMNS; k++)
            rrto_grid_cell(&grid, "%080d", i);
    }
    assert_int_equal(grid.n_rows, RRTO_GRID_ROWS);
    assert_int_equal(grid.n_columns, RRTO_GRID_COLUMNS);
    assert_int_equal(strlen(grid.cells[0][0]), RRTO_GRID_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout), cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
