# SPDX-License-Identifier: Apache-2.0
"""api_<library>.h: types, structs, enums and prototypes."""

from .text import banner, guard, prototype


def type_text(type_):
    if type_.kind == "enum":
        rows = ",\n".join(f"    {name} = {value}" for name, value in type_.values)
        return f"typedef enum {type_.name} {{\n{rows}\n}} {type_.name};"
    if type_.kind in ("struct", "union"):
        rows = "\n".join(f"    {text};" for text, _ in type_.fields)
        return f"typedef {type_.kind} {type_.name} {{\n{rows}\n}} {type_.name};"
    if type_.kind == "alias":
        if "(*)" in type_.text:
            return f"typedef {type_.text.replace('(*)', f'(*{type_.name})')};"
        return f"typedef {type_.text} {type_.name};"
    return f"typedef {type_.text} *{type_.name};"


def header(api, description):
    name = f"api_{description.stem}.h"
    out = [banner("Types and prototypes.", f"src/api/{description.stem}.api"), f"#ifndef {guard(name)}", f"#define {guard(name)}", ""]
    for include, _ in description.includes:
        out.append(f'#include "gen/api_{include}.h"')
    out += ["", "#include <stddef.h>", "#include <stdint.h>", "#include <stdio.h>", "",
            "#ifndef RRTO_API", '#define RRTO_API __attribute__((visibility("default")))', "#endif", ""]
    for statement in description.statements:
        if hasattr(statement, "params"):
            if statement.doc:
                out.append(f"/* {statement.doc} */")
            out.append("RRTO_API " + prototype(statement) + ";")
        else:
            out.append(type_text(statement))
    out += ["", "#endif", ""]
    return name, "\n".join(out)
