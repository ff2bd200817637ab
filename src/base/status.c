/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of the one error type. */
#include "base/status.h"

const char *rrto_status_name(int status)
{
    switch (status) {
#define X(name, number, text)                                                                                          \
    case number:                                                                                                       \
        return "RRTO_" #name;
        RRTO_STATUS_LIST(X)
#undef X
    default:
        return "RRTO_UNKNOWN";
    }
}

const char *rrto_status_text(int status)
{
    switch (status) {
#define X(name, number, text)                                                                                          \
    case number:                                                                                                       \
        return text;
        RRTO_STATUS_LIST(X)
#undef X
    default:
        return "unknown status";
    }
}
