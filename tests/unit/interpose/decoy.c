/* SPDX-License-Identifier: Apache-2.0 */
/* A library that must not be opened in place of a door. */
__attribute__((visibility("default"))) int decoy(void);
int decoy(void)
{
    return 1;
}
