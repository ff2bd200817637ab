# SPDX-License-Identifier: Apache-2.0
"""The soft driver's per-thread variants (_ptsz, _ptds): each is the function that it is a variant of, where the soft driver has that one."""

from .client import arguments_of, by_hand
from .text import banner, prototype

VARIANT = """\
#pragma weak {base}
{prototype}
{{
    if (!{base})
        return (CUresult)CUDA_ERROR_NOT_SUPPORTED;
    bool before = soft_per_thread(true);
    CUresult result = {base}({arguments});
    soft_per_thread(before);
    return result;
}}
"""


def soft_variants_c(api):
    out = [banner("The soft driver's variants of calls for per-thread default streams."), '#include "gen/api_driver.h"', "", "#include <stdbool.h>", "",
           "bool soft_per_thread(bool on);", ""]
    for call in api.all_calls():
        if call.base and by_hand(call) and call.library.name == "driver":
            out.append(VARIANT.format(base=call.base.name, prototype=prototype(call), arguments=arguments_of(call)))
    return "\n".join(out)
