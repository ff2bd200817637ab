# SPDX-License-Identifier: Apache-2.0
"""A C++ file that compares the descriptions with a vendor's headers: it compiles if prototypes, enumerators and layouts agree.
C++, so that a tag and a typedef are written alike. For the lint test, on machines that have the headers."""

import re

from .text import banner, prototype

HEADERS = {"types": ("cuda_runtime_api.h", "cuComplex.h", "library_types.h"), "driver": ("cuda.h",), "cudart": ("cuda_runtime_api.h",),
           "cublas": ("cublas_v2.h",), "cublaslt": ("cublasLt.h",), "cudnn": ("cudnn.h",)}


def check_type(type_):
    if type_.kind == "enum":
        return [f'static_assert((long long){name} == {value}ll, "{name}");' for name, value in type_.values]
    if type_.kind in ("struct", "union"):
        rows = "\n".join(f"    {text};" for text, _ in type_.fields)
        ours = f"rrto_check_{type_.name}"
        out = [f"{type_.kind} {ours} {{", rows, "};", f'static_assert(sizeof({ours}) == sizeof({type_.name}), "size of {type_.name}");']
        for _, name in type_.fields:
            if name and not re.match(r"reserved", name):
                out.append(f'static_assert(offsetof({ours}, {name}) == offsetof({type_.name}, {name}), "{type_.name}.{name}");')
        return out
    if type_.kind == "alias":
        return [f'static_assert(sizeof({type_.name}) == sizeof({type_.text}), "{type_.name}");'] if "(" not in type_.text else []
    return [f'static_assert(sizeof({type_.name}) == sizeof(void *), "{type_.name}");']


def check(api):
    out = [banner("Compares the descriptions with the vendor's headers."), "#include <stddef.h>", "#include <stdint.h>", "#include <stdio.h>"]
    names = []
    for description in api.descriptions:
        names += [h for h in HEADERS.get(description.stem, ()) if h not in names]
    out += [f"#include <{name}>" for name in names] + [""]
    out += [f"#undef {call.name}" for call in api.all_calls()]  # headers rename functions to their latest version by macros
    described = [d for d in api.descriptions if d.stem in HEADERS]
    # The headers declare the per-thread variants in a mode of their own, in which some other things are declared otherwise.
    out.append("#ifdef __CUDA_API_VERSION_INTERNAL")
    for call in [c for d in described for c in d.calls if c.base]:
        if not call.name.startswith("__"):  # what the compiler's own headers call is declared there
            out.append(f"using check_{call.name} = decltype({call.name});")
        out.append('extern "C" ' + prototype(call) + ";")
    out.append("#else")
    for description in described:
        for statement in description.statements:
            if not hasattr(statement, "params"):
                out += check_type(statement)
            elif not statement.base:
                out.append('extern "C" ' + prototype(statement) + ";")
    return "\n".join(out + ["#endif", ""])
